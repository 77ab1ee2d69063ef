#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "channel/tls_context.h"
#include "cloudhsm/nodes/placement.h"
#include "cloudhsm/nodes/steps.h"
#include "hsm_client/cluster_client.h"
#include "ports/sealer.h"
#include "ports/signing_keys.h"
#include "store/database.h"

namespace strongroom::cloudhsm {

/// The deployment's own cluster: the keys of KMS live under it, and device certificates come from it. Made on the first
/// start of the first front end; known by its trust anchor, which the store keeps from then on.
///
/// Errors    kUnavailable while it is not there yet or not reachable.
/// Threads   Connect runs on the loop it is spawned on; the rest on any of the loops given.
/// Lifetime  the database and the loops outlive it.
class DomainCluster final : public DeviceCertifier, public ports::Sealer, public ports::SigningSecrets {
 public:
  struct Options {
    std::vector<Loop*> loops;           // where its client may be used
    channel::OuterClientOptions outer;  // hosts' certificates, default client certificate
    channel::Identity front_end;        // shown on the inner layer; enrolled in the cluster
    std::string zone = "local-1a";
    std::chrono::milliseconds pause{250};  // between attempts, doubling up to 2 s
    /// Asked before each attempt: who has to let this front end in first; "" nobody. Empty: always nobody.
    /// Errors: kPermission when nobody will, which ends Connect.
    std::function<Result<std::string>(store::Transaction&)> let_in_by;
  };
  DomainCluster(store::Database& database, const Placement& placement, Options options);
  ~DomainCluster() override;
  DomainCluster(const DomainCluster&) = delete;
  DomainCluster& operator=(const DomainCluster&) = delete;

  /// Writes the rows of a domain cluster with one HSM, unless there is one; the background jobs make it.
  Task<Status> EnsureRows();
  /// Writes the row of another HSM, on this host, unless it has one of the domain cluster's. Errors: kUnavailable while
  /// the cluster is being made; those of Placement::ChooseOn.
  Task<Status> EnsureHsmOn(std::string host_id);
  /// Connects, as long as it takes, and says in the log what it waits for. Ends when everything here is usable, with
  /// kCancelled after Stop, or with kPermission when let_in_by says so.
  Task<Status> Connect();
  void Stop();

  /// Null until Connect has ended.
  std::shared_ptr<hsm_client::ClusterClient> client() const;
  bool ready() const { return client() != nullptr; }

  Task<Result<proto::CertifyDeviceReply>> Certify(Bytes device_csr, std::string hsm_id) override;
  Task<Result<proto::ReleaseKeysReply>> Release(proto::ReleaseKeysRequest request) override;
  Task<Result<Bytes>> Seal(std::string purpose, std::string name, SecretBuffer plaintext) override;
  Task<Result<SecretBuffer>> Open(std::string purpose, std::string name, Bytes sealed) override;
  Task<Result<bool>> Renew(std::uint32_t newest) override;
  Task<Result<Made>> Make(Terms terms, Bytes claims) override;
  Task<Result<Derived>> Derive(Terms terms, Bytes sealed, std::string date, std::string region,
                               std::string service) override;

 private:
  struct State;
  template <typename Reply, typename Request>
  static Task<Result<hsm_client::ClusterClient::Answer<Reply>>> CallWithServiceKey(std::shared_ptr<State> state,
                                                                                   wire::Command command,
                                                                                   Request& request);
  std::shared_ptr<State> state_;
};

}  // namespace strongroom::cloudhsm
