#pragma once

// A region of clusters for tests: a real store in a temporary directory, the service's operations, the background jobs,
// and hosts and HSMs that answer as real ones do, with real certificates.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aws/policy/engine.h"
#include "base/testing/temporary_directory.h"
#include "cloudhsm/log/log_server.h"
#include "cloudhsm/nodes/lifecycle.h"
#include "cloudhsm/service.h"
#include "crypto/certificate.h"

namespace strongroom::cloudhsm::testing {

template <typename T>
Task<void> Keep(Task<T> task, std::optional<T>& value) {
  value.emplace(co_await std::move(task));
}

/// Runs a coroutine to its end on `loop` and returns its value.
template <typename T>
T Await(Loop& loop, Task<T> task) {
  std::optional<T> value;
  const auto work = boost::asio::make_work_guard(loop);
  boost::asio::co_spawn(loop, Keep(std::move(task), value), [&](std::exception_ptr failed) {
    loop.stop();
    if (failed) std::rethrow_exception(failed);
  });
  loop.restart();
  loop.run();
  return *std::move(value);
}

/// One HSM's state, as far as the control plane can see.
struct FakeHsm {
  int behind = 0;  // so many of its next statuses show a head that is one too low
  std::string cluster_id, address;
  std::optional<crypto::PrivateKey> device_key;
  proto::InstallDevice device;
  proto::HsmStatus status;  // lifecycle EMPTY at first
  int created = 0, joined = 0, admitted = 0, removed = 0, zeroized = 0, snapshots = 0, installed = 0, restored = 0;
};

/// All hosts' common world: HSMs by id, the manufacturer, and where the next crash happens.
struct FakeHardware : DeviceCertifier {
  FakeHardware();
  Task<Result<proto::CertifyDeviceReply>> Certify(Bytes device_csr, std::string hsm_id) override;
  Task<Result<proto::ReleaseKeysReply>> Release(proto::ReleaseKeysRequest request) override;
  std::string restored_from;  // the data of the backup that was restored last

  std::map<std::string, FakeHsm> hsms;                                               // that run
  std::map<std::string, std::string> trusted;                                        // SetClientTrust: hsm id -> DER
  std::vector<std::string> asked;                                                    // names of questions, in order
  enum class Proof { kTrue, kNone, kOtherHsm, kBadSignature } proof = Proof::kTrue;  // of having zeroised itself
  std::vector<std::string> refuse_install;  // public text of the HSM's refusal, when not empty
  /// The n-th question from now on is lost, before it reaches its goal or after it was carried out; -1: none.
  int crash_after = -1;
  enum class Crash { kBefore, kAfter } crash = Crash::kBefore;

  std::optional<crypto::PrivateKey> manufacturer_key;
  std::optional<crypto::Certificate> manufacturer_root;
};

class FakeHost final : public Host {
 public:
  FakeHost(std::string host_id, FakeHardware& hardware, LogServer& log)
      : host_id_(std::move(host_id)), hardware_(hardware), log_(log) {}
  Task<Result<proto::Control>> Ask(std::string hsm_id, proto::Control question, std::chrono::milliseconds) override;
  void Notify(std::string hsm_id, proto::Control) override { notified.push_back(std::move(hsm_id)); }
  bool connected() const override { return up; }
  void SetSilent(bool) override {}

  bool up = true;
  std::vector<std::string> notified;

 private:
  Task<Result<proto::Control>> Carry(std::string hsm_id, proto::Control question);
  Task<Result<proto::Control>> ToHsm(FakeHsm& hsm, std::string hsm_id, proto::Control question);
  Task<Status> Append(std::string hsm_id, std::string cluster_id);
  Task<Status> Restore(std::string hsm_id, proto::RestoreCluster asked);
  Task<std::uint64_t> HeadOf(std::string hsm_id, std::string cluster_id);
  proto::Zeroize ProofOf(const FakeHsm& hsm, const std::string& hsm_id) const;
  Task<Status> Snapshot(std::string hsm_id, std::string cluster_id, proto::MakeSnapshot asked);
  static std::string NewCounter();
  std::string host_id_;
  FakeHardware& hardware_;
  LogServer& log_;
};

/// Everybody is there but who is called "nobody", and who is gone.
class FakePrincipals final : public ports::PrincipalDirectory {
 public:
  Task<Result<ports::PrincipalIds>> Resolve(std::vector<std::string> arns) override;
  /// The unique id of the user with this ARN.
  static std::string IdOf(std::string_view arn);
  std::set<std::string, std::less<>> gone;
};

/// What an operation answered.
struct Answer {
  boost::json::value body;
  std::string error_type, message;  // empty on success
  bool ok() const { return error_type.empty(); }
};

struct World {
  World();
  ~World();

  /// One API call as an account's root, past signature and model checks.
  Answer Call(std::string_view operation, boost::json::object body, std::string_view account = "111122223333");
  Answer Call(std::string_view operation, std::string_view json) {
    return Call(operation, boost::json::parse(json).as_object());
  }
  /// The background jobs, until nothing is left to do.
  Status Work();
  /// A front end that has just started: nothing but the store is left of the one before.
  void Restart();

  /// The cluster as DescribeClusters shows it.
  boost::json::object Cluster(const std::string& id, std::string_view account = "111122223333");
  std::string NewCluster(std::string_view subnets = R"(["subnet-0a0a0a0a","subnet-0b0b0b0b"])");
  std::string NewHsm(const std::string& cluster, const std::string& zone = "us-east-1a");
  /// The owner's side of initialisation: an anchor, and the certificate for the cluster's request.
  struct Signed {
    std::string anchor, certificate;
  };
  Signed Sign(const std::string& cluster);
  /// Through all steps to ACTIVE with one HSM in zone a.
  std::string ActiveCluster();
  void Activate(const std::string& cluster);

  TemporaryDirectory directory;
  std::unique_ptr<store::Database> database;
  Loop loop{1};
  FakeHardware hardware;
  aws::PolicyEngine authorizer;
  FakePrincipals principals;
  std::string region = "us-east-1";  // where calls are made
  std::vector<std::string> audited;  // the resources of the last call
  Placement placement{{{"host-1", "127.9.9."}}};
  Limits limits{};
  LogServer log;
  Hosts hosts;
  std::shared_ptr<FakeHost> host;
  int wakes = 0;
  /// Calls are those of the account's user alice, whose identity policies these are; of its root when null.
  std::shared_ptr<const ports::PrincipalPolicies> alice;
  std::unique_ptr<CloudHsm> service;
  std::unique_ptr<JobContext> jobs;
  std::unique_ptr<Lifecycle> lifecycle;
};

}  // namespace strongroom::cloudhsm::testing
