#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/task.h"
#include "control.pb.h"
#include "hsm/replica/device.h"
#include "hsm/replica/proposal.h"
#include "hsm/replica/store_link.h"
#include "wire/commands.h"

namespace strongroom::hsm::replica {

/// Why somebody wants the newest state.
enum class Reason {
  kPoll,            // once a second
  kNotice,          // the control link says that there is more; nothing to do if it has come meanwhile
  kNegativeAnswer,  // before "no such key", "no such user", "wrong password"; rate-limited
  kPosition,        // a client has seen more than this HSM
  kForced,
};

/// The points of a change at which tests let an HSM die.
enum class Step { kDecided, kWrittenAhead, kOffered, kMarked, kApplied };

struct ReplicaOptions {
  std::filesystem::path directory;  // exists; only this HSM uses it
  std::string hsm_id;
  SharedSecret root_key;  // 32 bytes
  std::function<std::int64_t()> now_millis;
  std::string version = "0";                    // of the software, for HsmStatus
  std::uint32_t feature_level = kFeatureLevel;  // the newest that it takes; tests make it older
  std::chrono::milliseconds poll{1000};
  std::chrono::milliseconds negative_answers_at_most_every{100};
  std::size_t compact_after_records = 4096;
  std::size_t compact_after_bytes = std::size_t{8} << 20;
  std::size_t history_records = 1024;  // kept beyond the snapshot, for a store that was set back
  /// Member list or lifecycle changed; called between commands, never from within a call into the replica.
  std::function<void()> on_membership;
  std::function<void()> on_lifecycle;
  /// A generation of the domain key is gone; called likewise.
  std::function<void()> on_domain_key_dropped;
  /// This HSM must serve no more: a record it cannot follow, or it was removed. state() is then empty.
  std::function<void(const Error&)> on_stopped;
  /// Started by the operator, not by a host: the recovery key may be replaced and, given the key itself, the domain
  /// cluster be restored.
  bool maintenance = false;
  std::optional<crypto::PrivateKey> recovery_key;
  std::function<bool(Step)> die_at;  // tests only: true drops everything at once, as a crash does
};

/// One HSM's copy of the cluster: applies the cluster's log in order and appends to it (DESIGN section 3).
///
/// Promise   a change that was answered with success stands in the log, on this HSM's disk and in every HSM that has
///           caught up; one that failed with kUnavailable and "nothing was changed" is nowhere. Reading state() never
///           waits for the store.
/// Threads   one loop, the one given.
/// Lifetime  `store` outlives it. Destroying it is as good as a crash: nothing needs to be flushed.
class Replica {
 public:
  /// Reads the state directory: an empty one gives an EMPTY HSM. Background work starts with Start().
  /// Errors: kCorrupted (wrong root key, damaged files; nothing is overwritten), kResourceExhausted, kInternal.
  static Result<std::unique_ptr<Replica>> Open(Loop& loop, StoreLink& store, ReplicaOptions options);
  ~Replica();
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  /// Settles what a crash left open, catches up and polls, all in the background.
  void Start();

  /// The newest state that is certain. EMPTY before a cluster and after removal. Do not keep references across
  /// co_await.
  const State& state() const noexcept;
  const Device& device() const noexcept;
  /// Number of the newest applied record.
  std::uint64_t head() const noexcept;
  /// False while the store is away, contradicts this HSM's log, or an outcome is open.
  bool changes_possible() const noexcept;
  /// Whether commands may be answered at all: it is in a cluster and has not been stopped.
  bool serving() const noexcept;
  std::vector<proto::Member> Members() const;

  /// Changes the cluster. A client id that is remembered with this command gets the answer it got then.
  /// Errors: what `decide` says (kNotFound and the like only after catching up); kUnavailable  the store is away;
  /// kConflict  too many lost races; kStale  the store contradicts this HSM; kInvalidState  of no cluster.
  Task<Result<Bytes>> Change(const wire::ClientId* client, wire::Command command, Decide decide);

  /// Ends when the state was as new as the store's head at some time after the call (or shortly before it, for negative
  /// answers). Errors: kUnavailable, kStale; callers of negative answers go on with what there is.
  Task<Status> CatchUp(Reason reason);

  /// The position token of the newest applied record (docs/formats.md 4); empty while there is none. Cached per head.
  const Bytes& Position() const;
  /// Ends when this HSM has what the token's holder has seen. At once when it has already (no co_await then costs more
  /// than a MAC; see HasReached). Errors: kStale  not a token of this cluster, or of another history; kUnavailable.
  Task<Status> WaitFor(Bytes position);
  /// True when `position` is empty or is exactly the newest, so that most requests need no WaitFor.
  bool HasReached(ByteView position) const;

  /// The control plane's commands; each is safe to repeat.
  Task<Result<Bytes>> DeviceRequest();  // DER PKCS#10
  Task<Status> InstallDevice(proto::InstallDevice request);
  Task<Status> CreateCluster(proto::CreateCluster request);
  Task<Status> InstallClusterCertificate(proto::InstallClusterCertificate request);
  Task<Status> AdmitMember(proto::AdmitMember request);
  Task<Status> JoinCluster(proto::JoinCluster request);
  Task<Status> RemoveMember(std::string hsm_id);
  /// Makes an EMPTY HSM the only member of a cluster of which no HSM is left, in a new epoch.
  /// Errors: kInvalidState  it is in another cluster, or not certified; kNotFound  there is nothing to restore from;
  /// kPermission  the domain cluster without the recovery key; kUntrusted  another recovery key; kCorrupted.
  Task<Status> RestoreCluster(proto::RestoreCluster request);
  /// Errors: kPermission unless in maintenance; kUnsupported outside the domain cluster; kInvalidArgument.
  Task<Status> ReplaceRecoveryKey(std::string public_key);
  Task<Status> MakeSnapshot(std::string kind, std::string backup_id);
  Task<Status> EnrollFrontEnd(proto::EnrollFrontEnd request);
  /// Its sessions end on every HSM that reads the record. One that is not enrolled is no error.
  /// Errors: kUnsupported outside the domain cluster; kInvalidArgument; kInvalidState it is the only one.
  Task<Status> RemoveFrontEnd(proto::RemoveFrontEnd request);
  /// Removes every secret, the device key included, and proves it. Asked again, also after a restart, it answers the
  /// same. The proof is empty when the device key was never certified. Errors: those of Device; the HSM then serves no
  /// more all the same, and is zeroised by the next start.
  Task<Result<proto::Zeroize>> Zeroize();
  /// An officer's choice in a forked log: this HSM's records take the place of the store's, which are moved aside; or
  /// this HSM drops its own and follows the store's.
  /// Errors: kInvalidState  nothing is forked, or this HSM does not have all of its records any more; kUntrusted  on
  /// the store's side this HSM is no member; kUnavailable; kCorrupted  the store's side cannot be verified.
  Task<Result<proto::ChooseLogReply>> ChooseLog(proto::ChooseLogRequest::Side side);
  /// Why changes are stopped until somebody acts; empty when nothing is wrong.
  std::string LogProblem() const;
  proto::HsmStatus HsmStatus() const;
  /// The store's head may have moved.
  void OnLogNotice(const proto::LogNotice& notice);

 private:
  class Core;
  explicit Replica(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;
};

}  // namespace strongroom::hsm::replica
