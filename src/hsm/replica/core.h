#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hsm/replica/local_log.h"
#include "hsm/replica/loop_sync.h"
#include "hsm/replica/position.h"
#include "hsm/replica/replica.h"

namespace strongroom::hsm::replica {

/// What stands behind a Replica. Coroutines hold it by shared_ptr; after Drop they touch no file and end.
///
/// One rule keeps it simple: whoever changes log, state or head, or asks the store to, holds the turn.
class Replica::Core : public std::enable_shared_from_this<Replica::Core> {
 public:
  Core(Loop& loop, StoreLink& store, ReplicaOptions options, Device device, LocalLog log);

  /// Builds the state from the files.
  Status Replay();
  void Start();
  /// As a crash: nothing is written any more, and everyone who waits is told kCancelled.
  void Drop();

  const State& state() const noexcept { return state_; }
  const Device& device() const noexcept { return device_; }
  const Head& head() const noexcept { return head_; }
  const Bytes& position() const noexcept { return position_; }
  bool changes_possible() const noexcept;
  bool serving() const noexcept;

  Task<Result<Bytes>> Change(std::optional<wire::ClientId> client, std::uint32_t command, Decide decide);
  Task<Status> CatchUp(Reason reason);
  Task<Status> WaitFor(Bytes position);
  void OnLogNotice(const proto::LogNotice& notice);

  Task<Result<Bytes>> DeviceRequest();
  Task<Status> InstallDevice(proto::InstallDevice request);
  Task<Status> CreateCluster(proto::CreateCluster request);
  Task<Status> InstallClusterCertificate(proto::InstallClusterCertificate request);
  Task<Status> AdmitMember(proto::AdmitMember request);
  Task<Status> JoinCluster(proto::JoinCluster request);
  Task<Status> RemoveMember(std::string hsm_id);
  Task<Status> RestoreCluster(proto::RestoreCluster request);
  Task<Status> ReplaceRecoveryKey(std::string public_key);
  Task<Status> MakeSnapshot(std::string kind, std::string backup_id);
  Task<Status> EnrollFrontEnd(proto::EnrollFrontEnd request);
  Task<Status> RemoveFrontEnd(proto::RemoveFrontEnd request);
  Task<Result<proto::Zeroize>> Zeroize();
  /// The process before this one was zeroised.
  void ComeBackZeroized(proto::Zeroize proof);
  Task<Result<proto::ChooseLogReply>> ChooseLog(proto::ChooseLogRequest::Side side);
  std::string LogProblem() const;
  proto::HsmStatus HsmStatus() const;

 private:
  struct Request {
    std::optional<wire::ClientId> client;
    std::uint32_t command = 0;
    Decide decide;
    std::optional<Result<Bytes>> outcome;
    bool caught_up = false;  // its negative answer was decided against the store's head
  };
  using RequestPtr = std::shared_ptr<Request>;

  /// A record in the making: what has been decided, against which state, and for whom.
  struct Draft {
    State scratch;
    proto::LogBatch batch;
    Segments segments;
    proto::ClearPart clear;
    std::vector<RequestPtr> requests;
    std::vector<Result<Bytes>> answers;  // one for each request
    std::size_t size_bytes = 0;
    bool full = false;
    bool wants_catch_up = false;
  };

  /// How an append ended for those who wait for it.
  struct Append {
    enum class End { kDone, kLost, kRefused, kOpen };
    End end = End::kOpen;
    std::optional<Error> error;  // kRefused: nothing was changed; kOpen: not known yet
  };

  struct Verified {
    Envelope envelope;
    RecordBody body;
    RecordHash hash{};
    bool starts_epoch = false, removes_me = false;
  };

  // core.cpp
  Status Usable() const;
  Status InCluster() const;
  bool Dies(Step step);
  bool Gone() const noexcept { return dropped_ || stopped_.has_value(); }
  void Stop(Error why);
  void FailWaiting(const Error& error);
  void Finish(const RequestPtr& request, Result<Bytes> outcome);
  void SetStoreAway(bool away, const std::string& why = {});
  void Later(const std::function<void()>& callback);
  Task<void> Poll();
  Status BuildFromSnapshot();

  // core_apply.cpp
  Result<Verified> Verify(ByteView record) const;
  /// What must be on disk before the record is: the secret of the epoch that it starts.
  Status Prepare(const Verified& verified);
  /// Applies a record that is in the local log. After an error this HSM has stopped.
  Status Apply(const Verified& verified);
  Status ApplyRows(const std::vector<StoredRecord>& rows, Durable when = Durable::kNow);
  /// What the last lost race left to the next sync.
  void SyncRest();
  Status CommitPending();
  void RefreshPosition();
  void CompactIfDue();
  Status EnsureHsmCertificate();
  Result<Bytes> SnapshotBytes() const;

  // core_append.cpp
  Task<void> Pump();
  Task<void> OneBatch();
  void MakeDraft(Draft& draft);
  Status Consider(Draft& draft, const RequestPtr& request);
  Status AddProposal(Draft& draft, const Request& request, Proposal& proposal);
  Result<Bytes> SealDraft(Draft& draft) const;
  Task<Append> AppendRecord(Bytes record);
  Append TakeOffer(Offer offer, bool offered_before);
  /// Offers the pending record until its outcome is certain. Errors: kUnavailable.
  Task<Status> Settle();
  Task<Status> ReadyToAppend();

  // core_catch_up.cpp
  Task<Status> CatchUpNow();
  Task<Status> ReadToHead();
  Task<Status> GiveBack(std::uint64_t store_head);
  Status Contradict(Error why);
  /// The store's record cannot be verified.
  Status Refuse(const StoredRecord& row, const Error& why);
  /// The store's record is another one than this HSM's.
  Status Forked(std::uint64_t number);

  // core_fork.cpp
  Task<Result<bool>> IsShared(std::uint64_t number);
  Task<Result<std::uint64_t>> FirstNotShared(std::uint64_t store_head);
  Task<Result<proto::ChooseLogReply>> TakeThisHsm();
  Task<Result<proto::ChooseLogReply>> TakeStore();
  Task<Result<proto::ChooseLogReply>> Take(proto::ChooseLogRequest::Side side);

  // core_admit.cpp
  Result<Proposal> DecideAdmission(const proto::AdmitMember& request, const State& state) const;
  Task<void> RaiseFeatureLevel();

  // core_leave.cpp
  void Removed();
  Result<proto::Zeroize> MakeProof() const;

  // core_join.cpp
  Task<Status> Join(const proto::JoinCluster& request);
  Task<Result<Bytes>> ChangeMembers(Decide decide);

  // core_restore.cpp
  struct Past;
  Task<Result<Past>> ReadPast(std::string cluster_id);
  /// The epochs' secrets, by way of the recovery key or of the deployment backup key.
  Task<Result<std::map<std::uint64_t, SharedSecret>>> SecretsOf(const Past& past, std::string cluster_id);
  Task<Status> RestoreFromOwn(const proto::RestoreCluster& request, Past past);
  Task<Status> RestoreFromBackup(const proto::RestoreCluster& request);
  Task<Status> BecomeOnlyMember(const proto::RestoreCluster& request);
  Result<Proposal> Inheritance(const proto::RestoreCluster& request, const SecretBuffer& secret) const;
  Status Forget();

  Loop& loop_;
  StoreLink& store_;
  ReplicaOptions options_;
  Device device_;
  LocalLog log_;
  State state_;
  Head head_;
  Bytes pending_record_;  // written ahead, outcome not certain
  Bytes position_;
  std::map<std::uint64_t, SharedSecret> position_keys_;

  Turns turns_;
  Signal answered_;
  LoopTimer poll_timer_;
  std::deque<RequestPtr> waiting_;
  bool pumping_ = false, polling_ = false, poll_now_ = false;
  std::uint64_t noticed_head_ = 0;  // the newest that the control link has told of
  bool store_away_ = false;
  std::optional<Error> contradiction_;  // the store's log is not ours
  bool forked_ = false;                 // and it has records that the store has not
  StoredRecord refused_;                // that cannot be verified; number 0: none
  std::optional<Error> stopped_;        // for good
  std::optional<proto::Zeroize> zeroized_;
  bool dropped_ = false;
  std::uint64_t catch_ups_started_ = 0;
  Status last_catch_up_;
  std::chrono::steady_clock::time_point caught_up_at_{};
  std::uint64_t compact_not_before_ = 0;
};

/// The proof of a zeroised HSM, if it is one; what a crash left of its files is then removed.
Result<std::optional<proto::Zeroize>> LoadZeroized(const std::filesystem::path& directory);
Error Zeroized();

}  // namespace strongroom::hsm::replica
