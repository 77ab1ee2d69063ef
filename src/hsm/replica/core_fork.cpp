// A forked log: the store and this HSM have different records at one number, both of them authentic. Nobody but an
// officer can say which side is to be forgotten.
#include <algorithm>

#include "base/log.h"
#include "crypto/random.h"
#include "hsm/replica/core.h"
#include "hsm/replica/wrapping.h"

namespace strongroom::hsm::replica {
namespace {

constexpr std::size_t kMaxSideBytes = std::size_t{256} << 20;

Error Unreachable() { return Error(Errc::kUnavailable, "The cluster's log cannot be reached. Try again."); }

/// One side of a fork, from the store's newest snapshot on.
struct StoreSide {
  StoredSnapshot snapshot;
  std::vector<StoredRecord> rows;
};

/// What it comes to once all of it is verified.
struct Built {
  State state;
  Head head;
  EpochSecrets secrets;
};

/// Verifies the side with the secrets at hand and those that it wraps to this device, and touches nothing.
Result<Built> Build(const StoreSide& side, const Device& device, std::uint32_t supported) {
  Built built{State(supported), {}, device.secrets()};
  const std::string& cluster_id = device.cluster_id();
  const auto collect = [&](const proto::ClearPart& clear) -> Status {
    SR_TRY(const EpochSecrets found, Unwrap(clear, device.key(), device.hsm_id(), cluster_id));
    for (const auto& [epoch, secret] : found) built.secrets[epoch] = secret;
    return {};
  };
  const auto secret_of = [&](std::uint64_t epoch) -> Result<SharedSecret> {
    const auto found = built.secrets.find(epoch);
    if (found == built.secrets.end())
      return Error(Errc::kCorrupted, "This HSM does not have the secret of epoch " + std::to_string(epoch) + ".");
    return found->second;
  };
  if (side.snapshot.number > 0) {
    SR_TRY(const Envelope envelope, ParseSnapshot(side.snapshot.data));
    if (envelope.number != side.snapshot.number)
      return Error(Errc::kCorrupted, "The cluster's newest snapshot has another number than it is stored under.");
    SR_CHECK(collect(envelope.clear));
    SR_TRY(const SharedSecret secret, secret_of(envelope.epoch));
    SR_TRY(const SnapshotContent content, OpenSnapshot(envelope, *secret, cluster_id));
    SR_TRY(built.state, State::FromSnapshot(content.body, content.segments, supported));
    built.head = Head{envelope.number, envelope.link};
  }
  for (const StoredRecord& row : side.rows) {
    SR_TRY(const Envelope envelope, ParseRecord(row.record));
    const std::uint64_t epoch = built.state.lifecycle() == proto::EMPTY ? 1 : built.state.epoch();
    SR_CHECK(CheckFollows(envelope, built.head, epoch));
    SR_CHECK(collect(envelope.clear));
    SR_TRY(const SharedSecret secret, secret_of(epoch));
    SR_TRY(const RecordBody body, OpenRecord(envelope, *secret, cluster_id));
    SR_CHECK(built.state.ApplyBatch(body.batch, body.segments));
    built.head = Head{envelope.number, HashOf(row.record)};
  }
  return built;
}

}  // namespace

Task<Result<proto::ChooseLogReply>> Replica::Core::Take(proto::ChooseLogRequest::Side side) {
  const Turns::Turn turn = co_await turns_.Take();
  SR_CO_CHECK(InCluster());
  const Status caught_up = co_await CatchUpNow();
  SR_CO_CHECK(InCluster());
  if (caught_up.ok() || !forked_) {
    if (!caught_up.ok() && !contradiction_) co_return caught_up.error();
    co_return Error(Errc::kInvalidState, "The cluster's log is not forked; there is nothing to choose.");
  }
  switch (side) {
    case proto::ChooseLogRequest::THIS_HSM: co_return co_await TakeThisHsm();
    case proto::ChooseLogRequest::STORE: co_return co_await TakeStore();
    default: co_return Error(Errc::kInvalidArgument, "One of this HSM and the store must be chosen.");
  }
}

Task<Result<proto::ChooseLogReply>> Replica::Core::ChooseLog(proto::ChooseLogRequest::Side side) {
  const auto self = shared_from_this();
  SR_CO_CHECK(InCluster());
  SR_CO_TRY(proto::ChooseLogReply reply, co_await Take(side));
  // Clients that have seen what is forgotten hold positions of it. In a new epoch those are of the past.
  Decide decide = [](const State& state) -> Result<Proposal> {
    Proposal proposal;
    proposal.changes.emplace_back().mutable_epoch_started()->set_epoch(state.epoch() + 1);
    SR_TRY(const SecretBuffer secret, crypto::RandomSecret(32));
    SR_CHECK(WrapToAll(state, {}, state.epoch() + 1, secret, proposal.clear));
    return proposal;
  };
  const auto started = co_await ChangeMembers(std::move(decide));
  if (!started.ok()) LogError("starting an epoch after an officer's choice", started.error());
  SR_CO_CHECK(Usable());
  reply.set_head(head_.number);
  co_return reply;
}

Task<Result<bool>> Replica::Core::IsShared(std::uint64_t number) {
  const auto mine = log_.HashAt(number);
  if (!mine) co_return Error(Errc::kInternal, "A record that was here is gone.");
  auto rows = co_await store_.ReadForked(device_.cluster_id(), number);
  SR_CO_CHECK(Usable());
  if (!rows.ok()) co_return Unreachable();
  if (rows->rows.empty() || rows->rows.front().number != number) co_return false;
  co_return HashOf(rows->rows.front().record) == *mine;
}

// Two chains that differ at a number differ from there on, so the first difference is found by halving.
Task<Result<std::uint64_t>> Replica::Core::FirstNotShared(std::uint64_t store_head) {
  std::uint64_t shared = log_.first() - 1, differs = std::min(store_head, head_.number) + 1;
  if (log_.first() == 0 || differs < log_.first())
    co_return Error(Errc::kInvalidState, "This HSM does not have the records any more at which the log was forked.");
  while (differs - shared > 1) {
    const std::uint64_t middle = shared + (differs - shared) / 2;
    SR_CO_TRY(const bool same, co_await IsShared(middle));
    (same ? shared : differs) = middle;
  }
  // All that is left differs: then the fork may lie before it.
  if (differs == log_.first() && differs > 1)
    co_return Error(Errc::kInvalidState, "This HSM does not have the records any more at which the log was forked.");
  co_return differs;
}

Task<Result<proto::ChooseLogReply>> Replica::Core::TakeThisHsm() {
  auto newest = co_await store_.ReadForked(device_.cluster_id(), 1);
  SR_CO_CHECK(Usable());
  if (!newest.ok()) co_return Unreachable();
  SR_CO_TRY(const std::uint64_t first, co_await FirstNotShared(newest->head));
  if (first <= newest->head) {
    auto row = co_await store_.ReadForked(device_.cluster_id(), first);
    SR_CO_CHECK(Usable());
    if (!row.ok() || row->rows.empty() || row->rows.front().number != first) co_return Unreachable();
    log::Warn("an officer chose this HSM's log: records {} to {} of the store are moved aside", first, newest->head);
    Bytes hash = ToBytes(HashOf(row->rows.front().record));
    SR_CO_CHECK(co_await store_.SetAside(device_.cluster_id(), first, std::move(hash)));
    SR_CO_CHECK(Usable());
  }
  contradiction_.reset();
  forked_ = false;
  SR_CO_CHECK(co_await CatchUpNow());
  SR_CO_CHECK(InCluster());
  proto::ChooseLogReply reply;
  reply.set_first_dropped(first);
  co_return reply;
}

Task<Result<proto::ChooseLogReply>> Replica::Core::TakeStore() {
  const std::string cluster_id = device_.cluster_id();
  StoreSide side;
  auto snapshot = co_await store_.GetSnapshot(cluster_id);
  SR_CO_CHECK(Usable());
  if (!snapshot.ok()) co_return Unreachable();
  side.snapshot = std::move(*snapshot);
  std::size_t bytes = 0;
  std::uint64_t first_dropped = 0;
  for (std::uint64_t at = side.snapshot.number, head = at + 1; at < head;) {
    auto rows = co_await store_.ReadForked(cluster_id, at + 1);
    SR_CO_CHECK(Usable());
    if (!rows.ok()) co_return Unreachable();
    head = rows->head;
    if (head < side.snapshot.number)
      co_return Error(Errc::kInvalidState,
                      "The store's log ends before its newest snapshot; choose an HSM that has the rest first.");
    if (rows->rows.empty()) break;
    for (StoredRecord& row : rows->rows) {
      if (row.number != ++at)
        co_return Error(Errc::kCorrupted, "The cluster's log has a gap at record " + std::to_string(at) + ".");
      const auto mine = log_.HashAt(at);
      if (first_dropped == 0 && mine && *mine != HashOf(row.record)) first_dropped = at;
      bytes += row.record.size();
      side.rows.push_back(std::move(row));
    }
    if (bytes > kMaxSideBytes)
      co_return Error(Errc::kResourceExhausted, "Too much log follows the newest snapshot; make a new one first.");
  }
  SR_CO_TRY(Built built, Build(side, device_, options_.feature_level));
  const auto self_entry = built.state.members().find(options_.hsm_id);
  if (self_entry == built.state.members().end() ||
      self_entry->second.device_certificate != device_.certificates().manufacturer_hardware ||
      built.state.identity().cluster_id != cluster_id)
    co_return Error(Errc::kUntrusted, "On the store's side this HSM is no member of the cluster; nothing was changed.");

  log::Warn("an officer chose the store's log: this HSM drops its records from {} to {}",
            first_dropped == 0 ? built.head.number + 1 : first_dropped, head_.number);
  SR_CO_CHECK(device_.AddSecrets(cluster_id, built.secrets));
  // A crash from here on leaves a beginning of the store's side, which the next start goes on from.
  SR_CO_CHECK(log_.Reset(std::move(side.snapshot.data), side.snapshot.number));
  for (const StoredRecord& row : side.rows) SR_CO_CHECK(log_.AppendAcknowledged(row.number, row.record));
  SR_CO_CHECK(log_.Sync());
  state_ = std::move(built.state);
  head_ = built.head;
  pending_record_.clear();
  contradiction_.reset();
  forked_ = false;
  refused_ = {};
  RefreshPosition();
  Later(options_.on_membership);
  Later(options_.on_lifecycle);
  proto::ChooseLogReply reply;
  reply.set_first_dropped(first_dropped == 0 ? built.head.number + 1 : first_dropped);
  co_return reply;
}

}  // namespace strongroom::hsm::replica
