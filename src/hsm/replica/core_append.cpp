#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/log.h"
#include "hsm/replica/core.h"

namespace strongroom::hsm::replica {
namespace {

constexpr std::size_t kMaxWaiting = 4096;
constexpr std::size_t kMaxBatchRequests = 256;
constexpr std::size_t kMaxBatchBytes = kMaxRecordBytes / 2;
constexpr std::size_t kMaxOneChangeBytes = kMaxRecordBytes - 64 * 1024;
constexpr int kMaxLostRaces = 64;
constexpr std::chrono::seconds kRaceFor(10);  // even if more are lost; longer than clients wait
constexpr int kOffersAtOnce = 3;

Error NothingChanged() {
  return Error(Errc::kUnavailable, "The cluster's log cannot be reached; nothing was changed. Try again.");
}
Error NotCertain() {
  return Error(Errc::kUnavailable,
               "The cluster's log did not answer. The change will be made or dropped when it is back; repeat the same "
               "request to learn which.");
}

// Answers that a newer state may turn round.
bool IsNegative(Errc code) {
  return code == Errc::kNotFound || code == Errc::kUserNotFound || code == Errc::kLoginFailed ||
         code == Errc::kAlreadyExists || code == Errc::kPermission || code == Errc::kUserLocked;
}

}  // namespace

Task<Result<Bytes>> Replica::Core::Change(std::optional<wire::ClientId> client, std::uint32_t command, Decide decide) {
  const auto self = shared_from_this();
  SR_CO_CHECK(InCluster());
  if (client) {
    if (const Bytes* answer = state_.Remembered(*client, command)) co_return *answer;
  }
  if (waiting_.size() >= kMaxWaiting) co_return Error(Errc::kThrottled, "Too many changes wait for the cluster's log.");
  auto request = std::make_shared<Request>();
  request->client = client;
  request->command = command;
  request->decide = std::move(decide);
  waiting_.push_back(request);
  if (!pumping_) {
    pumping_ = true;
    boost::asio::co_spawn(
        loop_, [self] { return self->Pump(); }, boost::asio::detached);
  }
  while (!request->outcome) co_await answered_.Wait();
  co_return std::move(*request->outcome);
}

Task<void> Replica::Core::Pump() {
  while (!waiting_.empty() && !Gone()) {
    const Turns::Turn turn = co_await turns_.Take();
    co_await OneBatch();
    SyncRest();
  }
  pumping_ = false;
}

Task<Status> Replica::Core::ReadyToAppend() {
  SR_CO_CHECK(InCluster());
  if (log_.pending() || store_away_ || contradiction_) {
    const Status caught_up = co_await CatchUpNow();
    SR_CO_CHECK(Usable());
    if (!caught_up.ok()) {
      if (caught_up.error().code() == Errc::kUnavailable) co_return NothingChanged();
      co_return caught_up;
    }
  }
  co_return InCluster();
}

Task<void> Replica::Core::OneBatch() {
  const auto begun = std::chrono::steady_clock::now();
  for (int lost = 0; lost < kMaxLostRaces || std::chrono::steady_clock::now() - begun < kRaceFor;) {
    if (const Status ready = co_await ReadyToAppend(); !ready.ok()) co_return FailWaiting(ready.error());
    Draft draft;
    MakeDraft(draft);
    if (draft.wants_catch_up) {
      for (const RequestPtr& request : draft.requests) request->caught_up = true;
      waiting_.insert(waiting_.begin(), draft.requests.begin(), draft.requests.end());
      (void)co_await CatchUpNow();  // a store that is away shows when the request is decided again
      continue;
    }
    Append append{Append::End::kDone, {}};
    if (draft.batch.changes_size() > 0) {
      auto record = SealDraft(draft);
      if (!record.ok()) {
        for (const RequestPtr& request : draft.requests) Finish(request, record.error());
        co_return;
      }
      if (Dies(Step::kDecided)) {
        for (const RequestPtr& request : draft.requests) Finish(request, Usable().error());
        co_return;
      }
      append = co_await AppendRecord(std::move(*record));
    }
    if (append.end == Append::End::kLost) {
      ++lost;
      waiting_.insert(waiting_.begin(), draft.requests.begin(), draft.requests.end());
      continue;
    }
    for (std::size_t i = 0; i < draft.requests.size(); ++i) {
      if (append.end == Append::End::kDone) {
        Finish(draft.requests[i], std::move(draft.answers[i]));
      } else {
        Finish(draft.requests[i], *append.error);
      }
    }
    co_return;
  }
  FailWaiting(
      Error(Errc::kConflict, "Other HSMs of the cluster were faster every time; nothing was changed. Try again."));
}

void Replica::Core::MakeDraft(Draft& draft) {
  draft.scratch = state_;
  const std::int64_t now = std::max(options_.now_millis(), state_.written_millis());
  draft.batch.set_written_millis(now);
  draft.batch.set_written_by(options_.hsm_id);
  (void)draft.scratch.BeginRecord(now);  // cannot run backwards
  while (!waiting_.empty() && draft.requests.size() < kMaxBatchRequests && !draft.full) {
    const RequestPtr request = waiting_.front();
    const std::size_t before = draft.answers.size();
    Status considered = Consider(draft, request);
    if (!considered.ok()) {
      draft.wants_catch_up |= IsNegative(considered.error().code()) && !request->caught_up;
      if (draft.answers.size() == before) draft.answers.emplace_back(considered.error());
    }
    if (draft.answers.size() == before) break;  // it does not fit into this record any more
    waiting_.pop_front();
    draft.requests.push_back(request);
    if (draft.wants_catch_up) break;
  }
}

Status Replica::Core::Consider(Draft& draft, const RequestPtr& request) {
  if (request->client) {
    if (const Bytes* answer = draft.scratch.Remembered(*request->client, request->command)) {
      draft.answers.emplace_back(*answer);
      return {};
    }
  }
  SR_TRY(Proposal proposal, request->decide(draft.scratch));
  if (proposal.changes.empty()) {
    draft.answers.emplace_back(std::move(proposal.answer));
    return {};
  }
  std::size_t size = proposal.answer.size() + proposal.clear.ByteSizeLong() + 64;
  for (const proto::Change& change : proposal.changes) size += change.ByteSizeLong() + 16;
  for (const SharedSecret& segment : proposal.segments) size += segment->size() + 4;
  if (size > kMaxOneChangeBytes) return Error(Errc::kRequestTooLarge, "The change is too large for one record.");
  if (!draft.requests.empty() && draft.size_bytes + size > kMaxBatchBytes) {
    draft.full = true;
    return {};
  }
  SR_CHECK(AddProposal(draft, *request, proposal));
  draft.size_bytes += size;
  draft.answers.emplace_back(std::move(proposal.answer));
  return {};
}

Status Replica::Core::AddProposal(Draft& draft, const Request& request, Proposal& proposal) {
  const auto offset = static_cast<std::uint32_t>(draft.segments.size());
  const int before = draft.batch.changes_size();
  draft.segments.insert(draft.segments.end(), proposal.segments.begin(), proposal.segments.end());
  for (proto::Change& change : proposal.changes) {
    ShiftSegments(change, offset);
    change.clear_client_id();
    change.clear_answer();
    change.set_command(request.command);
    *draft.batch.add_changes() = std::move(change);
  }
  proto::Change& last = *draft.batch.mutable_changes(draft.batch.changes_size() - 1);
  if (request.client) {
    last.set_client_id(request.client->data(), request.client->size());
    last.set_answer(std::string(AsText(proposal.answer)));
  }
  for (int i = before; i < draft.batch.changes_size(); ++i) {
    const Status applied = draft.scratch.Apply(draft.batch.changes(i), draft.segments);
    if (applied.ok()) continue;
    // A command that proposes what no state can take is a fault of ours, and must not reach the log. The scratch state
    // is half changed, so what was decided before is built again.
    LogError("a command proposed an impossible change", applied.error());
    draft.batch.mutable_changes()->DeleteSubrange(before, draft.batch.changes_size() - before);
    draft.segments.resize(offset);
    draft.scratch = state_;
    SR_CHECK(draft.scratch.ApplyBatch(draft.batch, draft.segments));
    return Error(Errc::kInternal, "The change is not possible.");
  }
  draft.clear.MergeFrom(proposal.clear);
  // An epoch's first record needs its secret, so nothing may follow in this one.
  if (last.has_epoch_started()) draft.full = true;
  return {};
}

Result<Bytes> Replica::Core::SealDraft(Draft& draft) const {
  const SharedSecret secret = device_.SecretOf(state_.epoch());
  if (!secret) return Error(Errc::kInternal, "The secret of this epoch is missing.");
  return SealRecord(*secret, device_.cluster_id(), state_.epoch(), head_, draft.clear, draft.batch, draft.segments);
}

Task<Replica::Core::Append> Replica::Core::AppendRecord(Bytes record) {
  using End = Append::End;
  if (Status written = log_.WriteAhead(head_.number + 1, record); !written.ok())
    co_return Append{End::kRefused, written.error()};
  pending_record_ = std::move(record);
  if (Dies(Step::kWrittenAhead)) co_return Append{End::kOpen, Usable().error()};
  Append append;
  for (int offers = 0; offers < kOffersAtOnce && append.end == End::kOpen; ++offers) {
    Offer offer = co_await store_.Append(device_.cluster_id(), head_.number + 1, ToBytes(head_.hash), pending_record_);
    if (Gone()) co_return Append{End::kOpen, Usable().error()};
    if (offer.outcome == Offer::Outcome::kAppended && Dies(Step::kOffered))
      co_return Append{End::kOpen, Usable().error()};
    append = TakeOffer(std::move(offer), offers > 0);
    if (Gone()) break;  // there may be no pending record any more to offer
  }
  co_return append;
}

Replica::Core::Append Replica::Core::TakeOffer(Offer offer, bool offered_before) {
  using End = Append::End;
  using Outcome = Offer::Outcome;
  const bool ours =
      offer.outcome == Outcome::kLost && !offer.rows.empty() && offer.rows.front().record == pending_record_;
  if (offer.outcome == Outcome::kAppended || ours) {
    SetStoreAway(false);
    if (const Status committed = CommitPending(); !committed.ok()) return {End::kOpen, committed.error()};
    // Others' records may stand behind it already.
    if (ours && !stopped_) (void)ApplyRows(offer.rows);
    return {End::kDone, {}};
  }
  if (offer.outcome == Outcome::kLost) {
    SetStoreAway(false);
    // The number is taken, so the record can never stand; all this is synced with the next one, or by SyncRest.
    if (const Status cut = log_.CutOff(Durable::kLater); !cut.ok()) return {End::kOpen, cut.error()};
    pending_record_.clear();
    const std::uint64_t before = head_.number;
    const Status applied = ApplyRows(offer.rows, Durable::kLater);
    if (!applied.ok()) return {End::kRefused, applied.error()};
    if (head_.number == before) return {End::kRefused, NothingChanged()};  // it says lost and does not say to what
    return {End::kLost, {}};
  }
  SetStoreAway(true, offer.why);
  if (offer.outcome == Outcome::kNotOffered && !offered_before) {
    if (const Status cut = log_.CutOff(); !cut.ok()) return {End::kOpen, NotCertain()};
    pending_record_.clear();
    if (!offer.refusal.empty()) return {End::kRefused, Error(Errc::kUnavailable, offer.refusal)};
    return {End::kRefused, NothingChanged()};
  }
  return {End::kOpen, NotCertain()};
}

Task<Status> Replica::Core::Settle() {
  if (!log_.pending()) co_return Status{};
  Offer offer = co_await store_.Append(device_.cluster_id(), head_.number + 1, ToBytes(head_.hash), pending_record_);
  SR_CO_CHECK(Usable());
  const std::uint64_t number = head_.number + 1;
  const Append append = TakeOffer(std::move(offer), true);
  SyncRest();
  SR_CO_CHECK(Usable());
  if (append.end == Append::End::kDone) log::Info("record {} was settled: it stands", number);
  if (append.end == Append::End::kLost) log::Info("record {} was settled: another one stands", number);
  if (append.error) co_return *append.error;
  co_return Status{};
}

}  // namespace strongroom::hsm::replica
