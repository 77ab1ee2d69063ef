#include "base/log.h"
#include "hsm/replica/core.h"

namespace strongroom::hsm::replica {
namespace {

Error Unreachable() { return Error(Errc::kUnavailable, "The cluster's log cannot be reached. Try again."); }

}  // namespace

Task<Status> Replica::Core::CatchUp(Reason reason) {
  const auto self = shared_from_this();
  SR_CO_CHECK(Usable());
  if (device_.cluster_id().empty()) co_return Error(Errc::kInvalidState, "This HSM belongs to no cluster.");
  if (reason == Reason::kNegativeAnswer) {
    if (store_away_) co_return Unreachable();
    if (std::chrono::steady_clock::now() - caught_up_at_ < options_.negative_answers_at_most_every) co_return Status{};
  }
  const std::uint64_t started_before = catch_ups_started_;
  const Turns::Turn turn = co_await turns_.Take();
  SR_CO_CHECK(Usable());
  if (device_.cluster_id().empty()) co_return Error(Errc::kInvalidState, "This HSM belongs to no cluster.");
  if (catch_ups_started_ > started_before) co_return last_catch_up_;  // one that began after this call has ended
  if (reason == Reason::kNotice && head_.number >= noticed_head_ && changes_possible()) co_return Status{};
  co_return co_await CatchUpNow();
}

Task<Status> Replica::Core::CatchUpNow() {
  ++catch_ups_started_;
  last_catch_up_ = co_await ReadToHead();
  if (last_catch_up_.ok()) {
    if (contradiction_) {
      log::Info("the cluster's log continues what this HSM has; changes are possible again");
      Later(options_.on_lifecycle);
    }
    contradiction_.reset();
    forked_ = false;
    refused_ = {};
    caught_up_at_ = std::chrono::steady_clock::now();
  }
  co_return last_catch_up_;
}

Status Replica::Core::Contradict(Error why) {
  const bool news = !contradiction_ || contradiction_->public_message() != why.public_message();
  if (news) LogError("changes are stopped", why);
  contradiction_ = std::move(why);
  if (news) Later(options_.on_lifecycle);  // which tells the control plane
  return *contradiction_;
}

Status Replica::Core::Refuse(const StoredRecord& row, const Error& why) {
  forked_ = false;
  refused_ = row;
  return Contradict(
      Error(Errc::kStale, "Record " + std::to_string(row.number) +
                              " of the cluster's log cannot be verified; changes "
                              "are stopped. If no HSM has it, `strongroom cluster repair-log` moves it aside.")
          .WithDetail(why.ForLog()));
}

Status Replica::Core::Forked(std::uint64_t number) {
  forked_ = true;
  refused_ = {};
  return Contradict(Error(Errc::kStale, "The cluster's log is forked: it has another record " + std::to_string(number) +
                                            " than this HSM. Changes are stopped until an officer chooses (chooseLog "
                                            "in cloudhsm_mgmt_util)."));
}

std::string Replica::Core::LogProblem() const {
  if (stopped_) return stopped_->public_message();
  if (contradiction_) return contradiction_->public_message();
  if (!device_.left_cluster().empty()) return "This HSM was removed from cluster " + device_.left_cluster() + ".";
  return {};
}

Task<Status> Replica::Core::ReadToHead() {
  // The first page begins with the record that this HSM has last, so that a log that was set back or forked shows.
  bool first_page = true;
  for (int given_back = 0;;) {
    const std::uint64_t from = std::max<std::uint64_t>(head_.number + (first_page ? 0 : 1), 1);
    Task<Result<Rows>> read =
        forked_ ? store_.ReadForked(device_.cluster_id(), from) : store_.Read(device_.cluster_id(), from);
    auto rows = co_await std::move(read);
    SR_CO_CHECK(Usable());
    if (!rows.ok()) {
      SetStoreAway(true, rows.error().ForLog());
      co_return Unreachable();
    }
    SetStoreAway(false);
    if (rows->head < head_.number) {
      if (given_back++ > 0)
        co_return Error(Errc::kUnavailable, "The cluster's log does not keep what it is given back.");
      SR_CO_CHECK(co_await GiveBack(rows->head));
      first_page = true;
      continue;
    }
    if (first_page && head_.number > 0) {
      if (rows->rows.empty() || rows->rows.front().number != head_.number)
        co_return Error(Errc::kUnavailable,
                        "The cluster's log does not show its record " + std::to_string(head_.number) + ".");
      if (HashOf(rows->rows.front().record) != head_.hash) co_return Forked(head_.number);
    }
    // Only now may the pending record be offered again: the store goes on from the same record as this HSM.
    SR_CO_CHECK(co_await Settle());
    const bool was_first_page = std::exchange(first_page, false);
    const std::uint64_t before = head_.number;
    SR_CO_CHECK(ApplyRows(rows->rows));
    SR_CO_CHECK(Usable());
    if (head_.number >= rows->head) co_return Status{};
    if (head_.number == before && !was_first_page)
      co_return Error(Errc::kUnavailable, "The cluster's log does not show its newest records.");
  }
}

// The store is behind on what may be the same chain (it was restored from a backup): it gets the missing tail again.
Task<Status> Replica::Core::GiveBack(std::uint64_t store_head) {
  if (store_head > 0) {
    const auto known = log_.HashAt(store_head);
    if (!known) {
      forked_ = true;  // nobody can tell
      refused_ = {};
      co_return Contradict(Error(Errc::kStale,
                                 "The cluster's log was set back further than this HSM can give back; changes are "
                                 "stopped until an officer chooses (chooseLog in cloudhsm_mgmt_util)."));
    }
    auto rows = co_await store_.Read(device_.cluster_id(), store_head);
    SR_CO_CHECK(Usable());
    if (!rows.ok()) co_return Unreachable();
    if (rows->rows.empty() || rows->rows.front().number != store_head) co_return Unreachable();
    if (HashOf(rows->rows.front().record) != *known) co_return Forked(store_head);
  }
  const std::uint64_t start = std::max(store_head + 1, log_.first());
  log::Warn("the cluster's log was set back to record {}; records {} to {} are given back", store_head, start,
            head_.number);
  for (std::uint64_t number = start; number <= head_.number; ++number) {
    SR_CO_TRY(Bytes record, log_.Read(number));
    SR_CO_TRY(const Envelope envelope, ParseRecord(record));
    Bytes link = ToBytes(envelope.link);
    const Offer offer = co_await store_.GiveBack(device_.cluster_id(), number, std::move(link), record);
    SR_CO_CHECK(Usable());
    if (offer.outcome == Offer::Outcome::kAppended) continue;
    if (offer.outcome == Offer::Outcome::kLost && !offer.rows.empty()) {
      if (offer.rows.front().record == record) continue;  // another HSM gives it back, too
      co_return Forked(number);
    }
    SetStoreAway(true, offer.why);
    co_return Unreachable();
  }
  co_return Status{};
}

Task<Status> Replica::Core::WaitFor(Bytes position) {
  const auto self = shared_from_this();
  SR_CO_CHECK(InCluster());
  const auto token = ParsePosition(position);
  if (!token || token->epoch == 0) co_return Error(Errc::kStale, "The position is not one of this cluster.");
  if (token->epoch > state_.epoch()) SR_CO_CHECK(co_await CatchUp(Reason::kPosition));
  SR_CO_CHECK(InCluster());
  // An epoch before this HSM's time ended before records that this HSM has.
  if (token->epoch < state_.epoch() && !device_.SecretOf(token->epoch)) co_return Status{};
  SharedSecret& key = position_keys_[token->epoch];
  if (!key) {
    const SharedSecret secret = device_.SecretOf(token->epoch);
    if (!secret) {
      position_keys_.erase(token->epoch);
      co_return Error(Errc::kStale, "The position is not one of this cluster.");
    }
    SR_CO_TRY(SecretBuffer made, PositionKey(*secret));
    key = Share(std::move(made));
  }
  if (!VerifyPosition(*key, *token)) co_return Error(Errc::kStale, "The position is not one of this cluster.");
  // A later epoch began behind all that is left of the token's, also where an officer had to choose between histories.
  if (token->epoch < state_.epoch()) co_return Status{};
  if (token->head.number > head_.number) {
    const Status caught_up = co_await CatchUp(Reason::kPosition);
    SR_CO_CHECK(InCluster());
    if (contradiction_) co_return Status{};  // changes are stopped; keys are used as far as they are known here
    if (!caught_up.ok()) co_return caught_up;
    if (token->head.number > head_.number)
      co_return Error(Errc::kUnavailable, "The cluster's log is behind what this client has seen. Try again.");
  }
  const auto hash = log_.HashAt(token->head.number);
  if (hash && *hash != token->head.hash && !contradiction_)
    co_return Error(Errc::kStale, "The position is of another history of this cluster.");
  co_return Status{};
}

}  // namespace strongroom::hsm::replica
