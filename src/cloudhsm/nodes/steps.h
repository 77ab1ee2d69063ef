#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "cloudhsm/nodes/hosts.h"
#include "cloudhsm/rows.h"
#include "store/database.h"

namespace strongroom::cloudhsm {

/// Certifies the device key of a new HSM under the deployment's roots: the domain cluster.
class DeviceCertifier {
 public:
  virtual ~DeviceCertifier() = default;
  /// Errors: kUnavailable while the domain cluster is not reachable.
  virtual Task<Result<proto::CertifyDeviceReply>> Certify(Bytes device_csr, std::string hsm_id) = 0;
  /// Wraps to a certified device what is wrapped to the deployment backup key. Errors: as Certify; kUntrusted,
  /// kCorrupted.
  virtual Task<Result<proto::ReleaseKeysReply>> Release(proto::ReleaseKeysRequest request) = 0;
};

/// What the domain cluster is made with.
struct DomainKeys {
  Bytes front_end_public_key;  // DER SubjectPublicKeyInfo
  std::string front_end_name;
  Bytes recovery_public_key;  // DER SubjectPublicKeyInfo
};

/// What the background jobs share. Lives as long as any of them.
struct JobContext {
  store::Database& database;
  const Hosts& hosts;
  DeviceCertifier& certifier;
  DomainKeys domain;
  std::string owner;  // of leases: this front end, also after a restart, so that it goes on at once
  std::chrono::milliseconds ask{std::chrono::seconds(60)};
  std::chrono::milliseconds lease{std::chrono::seconds(15)};  // prolonged while a job runs
};

/// The jobs. Each drives one row from what it says now to what it shall be, asking first what is done already: a job
/// that was cut off anywhere is run again from its start and ends the same. The last step is one transaction that
/// changes the row, under the cluster's lease. Errors: those of hosts, HSMs and store; the row is unchanged and the job
/// is run again later.
Task<Status> FinishCreateCluster(JobContext& context, ClusterRow cluster);
Task<Status> FinishCreateHsm(JobContext& context, ClusterRow cluster, HsmRow hsm);
Task<Status> FinishDeleteHsm(JobContext& context, ClusterRow cluster, HsmRow hsm);
Task<Status> FinishInitialize(JobContext& context, ClusterRow cluster);
Task<Status> FinishDeleteCluster(JobContext& context, ClusterRow cluster);
/// Moves aside what no HSM can verify at the end of the cluster's log, and answers the operator's request.
Task<Status> RepairLog(JobContext& context, ClusterRow cluster);
Result<bool> RepairIsWanted(store::Transaction& t, const std::string& cluster_id);
/// Takes the first backup of a cluster that has become active, or the day's; before them one that was cut off.
Task<Status> TakeDueBackup(JobContext& context, ClusterRow cluster);
/// Has this HSM take a backup; does nothing when it was taken already.
Task<Status> TakeBackup(JobContext& context, const ClusterRow& cluster, const HsmRow& hsm, std::string kind,
                        std::string backup_id);
/// Makes an HSM the only member of a cluster that has none left, or that is made from another's backup.
Task<Status> RestoreCluster(JobContext& context, const ClusterRow& cluster, const HsmRow& hsm);

/// Starts an HSM that should run and tells its host whom to let in. Idempotent.
Task<Status> StartHsm(JobContext& context, const ClusterRow& cluster, const HsmRow& hsm);
Task<Result<proto::HsmStatus>> StatusOfHsm(JobContext& context, const HsmRow& hsm);
/// Shows in the HSM's StateMessage why it is not as it shall be yet.
Task<Status> NoteFailure(JobContext& context, std::string cluster_id, std::string hsm_id, std::string why);
/// INITIALIZED -> ACTIVE once an HSM of the cluster says so. No-op otherwise.
Task<Status> NoteActivation(JobContext& context, std::string cluster_id);

/// The id of the backup that is taken for `reason` on account of `subject`: the same each time the job is run.
std::string BackupIdFor(std::string_view reason, std::string_view subject);

}  // namespace strongroom::cloudhsm
