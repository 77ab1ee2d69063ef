#include "base/log.h"
#include "hsm/replica/core.h"
#include "hsm/replica/identity.h"
#include "hsm/replica/wrapping.h"

namespace strongroom::hsm::replica {
namespace {
constexpr std::uint64_t kRecordsBetweenAttempts = 256;
}  // namespace

Result<Replica::Core::Verified> Replica::Core::Verify(ByteView record) const {
  Verified verified;
  SR_TRY(verified.envelope, ParseRecord(record));
  const std::uint64_t epoch = state_.lifecycle() == proto::EMPTY ? 1 : state_.epoch();
  SR_CHECK(CheckFollows(verified.envelope, head_, epoch));
  const SharedSecret secret = device_.SecretOf(epoch);
  if (!secret)
    return Error(Errc::kCorrupted, "This HSM does not have the secret of epoch " + std::to_string(epoch) + ".");
  SR_TRY(verified.body, OpenRecord(verified.envelope, *secret, device_.cluster_id()));
  verified.hash = HashOf(record);
  const auto& changes = verified.body.batch.changes();
  for (int i = 0; i < changes.size(); ++i) {
    if (!changes[i].has_epoch_started()) continue;
    verified.starts_epoch = true;
    for (const std::string& removed : changes[i].epoch_started().removed())
      verified.removes_me |= removed == options_.hsm_id;
  }
  // Who has the next epoch's secret already reads of an earlier removal, after which it was admitted again.
  if (device_.SecretOf(epoch + 1)) verified.removes_me = false;
  return verified;
}

Status Replica::Core::Prepare(const Verified& verified) {
  if (!verified.starts_epoch || verified.removes_me) return {};
  const std::uint64_t next = verified.envelope.epoch + 1;
  SR_TRY(const EpochSecrets secrets,
         Unwrap(verified.envelope.clear, device_.key(), options_.hsm_id, device_.cluster_id()));
  const auto found = secrets.find(next);
  if (found == secrets.end() && device_.SecretOf(next)) return {};
  if (found == secrets.end())
    return Error(Errc::kCorrupted, "The secret of epoch " + std::to_string(next) + " was not given to this HSM.");
  return device_.AddSecrets(device_.cluster_id(), {{next, found->second}});
}

Status Replica::Core::Apply(const Verified& verified) {
  const auto lifecycle = state_.lifecycle();
  Status applied = state_.ApplyBatch(verified.body.batch, verified.body.segments);
  if (!applied.ok()) {
    Stop(applied.error());
    return applied;
  }
  head_ = Head{verified.envelope.number, verified.hash};
  if (verified.removes_me) {
    Removed();
    return {};
  }
  RefreshPosition();
  bool members_changed = verified.starts_epoch, key_dropped = false;
  for (const proto::Change& change : verified.body.batch.changes()) {
    members_changed |= change.has_member_admitted() || change.has_genesis();
    key_dropped |= change.has_domain_key_dropped();
  }
  if (key_dropped) Later(options_.on_domain_key_dropped);
  if (members_changed) Later(options_.on_membership);
  if (state_.lifecycle() != lifecycle) Later(options_.on_lifecycle);
  return {};
}

Status Replica::Core::ApplyRows(const std::vector<StoredRecord>& rows, Durable when) {
  Status end;
  bool wrote = false;
  for (const StoredRecord& row : rows) {
    if (row.number <= head_.number) continue;
    auto verified = Verify(row.record);
    if (!verified.ok()) {
      end = Refuse(row, verified.error());
      break;
    }
    end = Prepare(*verified);
    if (end.ok()) end = log_.AppendAcknowledged(row.number, row.record);
    if (!end.ok()) break;
    wrote = true;
    end = Apply(*verified);
    if (!end.ok() || stopped_) break;
  }
  if (wrote && !stopped_) {
    if (when == Durable::kNow) SyncRest();
    CompactIfDue();
  }
  return end;
}

void Replica::Core::SyncRest() {
  if (stopped_ || !log_.unsynced()) return;
  if (const Status synced = log_.Sync(); !synced.ok()) LogError("syncing the local log", synced.error());
}

Status Replica::Core::CommitPending() {
  SR_TRY(const Verified verified, Verify(pending_record_));
  SR_CHECK(Prepare(verified));
  SR_CHECK(log_.Acknowledge());
  if (Dies(Step::kMarked)) return Usable();
  SR_CHECK(Apply(verified));
  pending_record_.clear();
  if (Dies(Step::kApplied)) return Usable();
  if (!stopped_) CompactIfDue();
  return {};
}

void Replica::Core::RefreshPosition() {
  position_.clear();
  if (head_.number == 0) return;
  SharedSecret& key = position_keys_[state_.epoch()];
  if (!key) {
    const SharedSecret secret = device_.SecretOf(state_.epoch());
    if (!secret) return;
    auto made = PositionKey(*secret);
    if (!made.ok()) return LogError("deriving the position key", made.error());
    key = Share(std::move(*made));
  }
  position_ = MakePosition(*key, state_.epoch(), head_);
}

Result<Bytes> Replica::Core::SnapshotBytes() const {
  const SharedSecret secret = device_.SecretOf(state_.epoch());
  if (!secret) return Error(Errc::kInternal, "The secret of this epoch is missing.");
  proto::ClearPart clear;
  SR_CHECK(WrapToAll(state_, {}, state_.epoch(), *secret, clear));
  const auto [body, segments] = state_.ToSnapshot();
  const Identity& identity = state_.identity();
  return SealSnapshot(*secret, device_.cluster_id(), state_.epoch(), head_, std::move(clear), body, segments,
                      identity.domain ? ByteView() : ByteView(identity.backup_certificate));
}

void Replica::Core::CompactIfDue() {
  if (log_.pending() || head_.number < compact_not_before_) return;
  // In proportion to a large snapshot, so that a large cluster does not write it all the time.
  const std::size_t times = std::max<std::size_t>(log_.snapshot_bytes() / options_.compact_after_bytes, 1);
  if (log_.records_since_snapshot() < times * options_.compact_after_records &&
      (log_.size_bytes() < times * options_.compact_after_bytes || log_.records_since_snapshot() == 0))
    return;
  compact_not_before_ = head_.number + std::min<std::uint64_t>(kRecordsBetweenAttempts, options_.compact_after_records);
  auto snapshot = SnapshotBytes();
  const Status compacted =
      snapshot.ok() ? log_.Compact(std::move(*snapshot), head_.number, options_.history_records) : snapshot.error();
  if (!compacted.ok()) LogError("compacting the local log", compacted.error());
  log_.ReleaseSnapshot();
}

Status Replica::Core::EnsureHsmCertificate() {
  if (!device_.certificates().hsm.empty() || !device_.has_key()) return {};
  Device::Certificates certificates = device_.certificates();
  SR_TRY(certificates.hsm, MakeHsmCertificate(device_, state_.identity()));
  return device_.SetCertificates(std::move(certificates));
}

}  // namespace strongroom::hsm::replica
