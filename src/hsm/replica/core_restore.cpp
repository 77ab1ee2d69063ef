// A cluster of which no HSM is left, brought back from what the store has; and the renewal of the recovery key.
#include <algorithm>

#include "base/log.h"
#include "crypto/random.h"
#include "hsm/replica/core.h"
#include "hsm/replica/identity.h"
#include "hsm/replica/wrapping.h"

namespace strongroom::hsm::replica {
namespace {

constexpr std::size_t kMaxPastBytes = std::size_t{512} << 20;
constexpr std::size_t kReleasedAtOnce = 64;
constexpr std::size_t kMostEpochsRenewed = 1024;
constexpr int kMaxLostRaces = 8;

Error Unreachable() {
  return Error(Errc::kUnavailable, "The cluster's log and backups cannot be reached; nothing was changed. Try again.");
}

}  // namespace

struct Replica::Core::Past {
  StoredSnapshot snapshot;
  std::uint64_t epoch = 1;  // of the snapshot, or of record 1
  std::vector<StoredRecord> rows;
  std::vector<proto::WrappedSecret> wrapped;  // of all clear parts
};

Status Replica::Core::Forget() {
  state_ = State(options_.feature_level);
  head_ = {};
  position_.clear();
  position_keys_.clear();
  pending_record_.clear();
  contradiction_.reset();
  // In this order: a start finds a log without its cluster's secrets and removes it.
  SR_CHECK(device_.LeaveCluster());
  return log_.Destroy();
}

Task<Result<Replica::Core::Past>> Replica::Core::ReadPast(std::string cluster_id) {
  Past past;
  const auto keep = [&past](const proto::ClearPart& clear) {
    past.wrapped.insert(past.wrapped.end(), clear.wrapped().begin(), clear.wrapped().end());
  };
  auto snapshot = co_await store_.GetSnapshot(cluster_id);
  SR_CO_CHECK(Usable());
  if (!snapshot.ok()) co_return Unreachable();
  past.snapshot = std::move(*snapshot);
  if (past.snapshot.number > 0) {
    SR_CO_TRY(const Envelope base, ParseSnapshot(past.snapshot.data));
    if (base.number != past.snapshot.number)
      co_return Error(Errc::kCorrupted, "The cluster's newest backup has another number than it is stored under.");
    past.epoch = base.epoch;
    keep(base.clear);
  }
  std::size_t bytes = 0;
  for (std::uint64_t at = past.snapshot.number, head = at + 1; at < head;) {
    auto rows = co_await store_.Read(cluster_id, at + 1);
    SR_CO_CHECK(Usable());
    if (!rows.ok()) co_return Unreachable();
    head = rows->head;
    if (rows->rows.empty()) break;
    for (StoredRecord& row : rows->rows) {
      SR_CO_TRY(const Envelope envelope, ParseRecord(row.record));
      if (row.number != ++at || envelope.number != at)
        co_return Error(Errc::kCorrupted, "The cluster's log has a gap at record " + std::to_string(at) + ".");
      keep(envelope.clear);
      bytes += row.record.size();
      past.rows.push_back(std::move(row));
    }
    if (bytes > kMaxPastBytes)
      co_return Error(Errc::kResourceExhausted, "Too much log follows the newest backup to be restored at once.");
  }
  co_return past;
}

Task<Result<EpochSecrets>> Replica::Core::SecretsOf(const Past& past, std::string cluster_id) {
  if (options_.recovery_key) {
    proto::ClearPart clear;
    for (const proto::WrappedSecret& wrapped : past.wrapped) *clear.add_wrapped() = wrapped;
    co_return UnwrapRecovery(clear, *options_.recovery_key, cluster_id);
  }
  std::map<std::uint64_t, proto::BackupWrapped> wanted;  // one of each epoch is enough
  for (const proto::WrappedSecret& wrapped : past.wrapped) {
    if (wrapped.to() != proto::WrappedSecret::BACKUP_EPOCH || wrapped.epoch() < past.epoch) continue;
    wanted[wrapped.epoch()].set_epoch(wrapped.epoch());
    wanted[wrapped.epoch()].set_wrapped(wrapped.wrapped());
  }
  EpochSecrets secrets;
  for (auto next = wanted.begin(); next != wanted.end();) {
    std::vector<proto::BackupWrapped> asked;
    for (; next != wanted.end() && asked.size() < kReleasedAtOnce; ++next) asked.push_back(next->second);
    Bytes device = device_.certificates().manufacturer_hardware;
    auto released = co_await store_.ReleaseKeys(cluster_id, std::move(device), std::move(asked));
    SR_CO_CHECK(Usable());
    if (!released.ok()) co_return std::move(released).error();
    for (const proto::BackupWrapped& each : *released) {
      SR_CO_TRY(SecretBuffer secret, UnwrapReleased(each, device_.key(), cluster_id));
      secrets[each.epoch()] = Share(std::move(secret));
    }
  }
  co_return secrets;
}

Task<Status> Replica::Core::RestoreFromOwn(const proto::RestoreCluster& request, Past past) {
  SR_CO_TRY(const EpochSecrets secrets, co_await SecretsOf(past, request.cluster_id()));
  if (!secrets.contains(past.epoch)) {
    if (request.domain())
      co_return Error(Errc::kUntrusted,
                      "This is not the recovery key of this backup: no secret of the domain cluster is wrapped to it.");
    co_return Error(Errc::kInvalidState, "The cluster's backup has no key under the deployment's backup key.");
  }
  SR_CO_CHECK(device_.AddSecrets(request.cluster_id(), secrets));
  Status built = log_.Reset(std::move(past.snapshot.data), past.snapshot.number);
  if (built.ok()) built = BuildFromSnapshot();
  if (built.ok()) built = ApplyRows(past.rows);
  if (built.ok()) built = Usable();
  if (built.ok() && state_.identity().cluster_id != request.cluster_id())
    built = Error(Errc::kCorrupted, "The backup is of another cluster.");
  if (!built.ok() && !stopped_) SR_CO_CHECK(Forget());
  co_return built;
}

// The new cluster's log begins behind a snapshot: the source's state under the new cluster's id and a secret of its
// own.
Task<Status> Replica::Core::RestoreFromBackup(const proto::RestoreCluster& request) {
  auto source = co_await store_.GetBackup(request.cluster_id(), request.backup_id());
  SR_CO_CHECK(Usable());
  if (!source.ok()) co_return std::move(source).error();
  SR_CO_TRY(const Envelope envelope, ParseSnapshot(source->snapshot.data));
  std::vector<proto::BackupWrapped> asked;
  for (const proto::WrappedSecret& wrapped : envelope.clear.wrapped()) {
    if (wrapped.to() != proto::WrappedSecret::BACKUP_KEY || !asked.empty()) continue;
    asked.emplace_back().set_epoch(wrapped.epoch());
    asked.back().set_number(envelope.number);
    asked.back().set_wrapped(wrapped.wrapped());
  }
  if (asked.empty()) co_return Error(Errc::kInvalidState, "The backup's key is not under the deployment's backup key.");
  Bytes device = device_.certificates().manufacturer_hardware;
  auto released = co_await store_.ReleaseKeys(source->cluster_id, std::move(device), std::move(asked));
  SR_CO_CHECK(Usable());
  if (!released.ok()) co_return std::move(released).error();
  if (released->size() != 1) co_return Error(Errc::kUnavailable, "The backup's key was not released. Try again.");
  proto::BackupWrapped answer = std::move(released->front());
  answer.set_number(envelope.number);
  SR_CO_TRY(const SecretBuffer key, UnwrapReleased(answer, device_.key(), source->cluster_id));
  SR_CO_TRY(SnapshotContent content, OpenBackup(envelope, key, source->cluster_id));

  if (content.body.changes_size() == 0 || !content.body.changes(0).has_genesis() ||
      content.body.changes(0).genesis().domain())
    co_return Error(Errc::kCorrupted, "The backup does not hold a customer's cluster.");
  proto::Genesis* genesis = content.body.mutable_changes(0)->mutable_genesis();
  genesis->set_cluster_id(request.cluster_id());
  genesis->set_backup_certificate(std::string(AsText(device_.certificates().backup)));
  content.body.clear_members();
  content.body.clear_answers();
  SR_CO_TRY(SecretBuffer fresh, crypto::RandomSecret(32));
  const SharedSecret secret = Share(std::move(fresh));
  proto::ClearPart clear;
  SR_CO_TRY(*clear.add_wrapped(),
            WrapToBackup(device_.certificates().backup, request.cluster_id(), envelope.epoch, *secret));
  const Head place{envelope.number, envelope.link};
  SR_CO_TRY(Bytes snapshot, SealSnapshot(*secret, request.cluster_id(), envelope.epoch, place, std::move(clear),
                                         content.body, content.segments, device_.certificates().backup));
  SR_CO_CHECK(device_.AddSecrets(request.cluster_id(), {{envelope.epoch, secret}}));
  Bytes stored = snapshot;
  Status built = log_.Reset(std::move(snapshot), envelope.number);
  if (built.ok()) built = BuildFromSnapshot();
  if (built.ok()) {
    built = co_await store_.PutSnapshot(request.cluster_id(), head_.number, request.backup_id(), "restore",
                                        std::move(stored));
    SR_CO_CHECK(Usable());
  }
  if (!built.ok()) SR_CO_CHECK(Forget());
  co_return built;
}

Result<Proposal> Replica::Core::Inheritance(const proto::RestoreCluster& request, const SecretBuffer& secret) const {
  Proposal proposal;
  auto* admitted = proposal.changes.emplace_back().mutable_member_admitted();
  *admitted->mutable_member() = request.self();
  admitted->mutable_member()->set_feature_level(options_.feature_level);
  admitted->set_device_certificate(std::string(AsText(device_.certificates().manufacturer_hardware)));
  if (request.domain()) {
    const Bytes wanted = ToBytes(AsBytes(request.front_end_public_key()));
    SR_CHECK(crypto::PublicKey::FromSpki(wanted));
    for (const auto& [public_key, name] : state_.front_ends()) {
      if (public_key == wanted) continue;
      proposal.changes.emplace_back().mutable_front_end_removed()->set_public_key(std::string(AsText(public_key)));
    }
    auto* enrolled = proposal.changes.emplace_back().mutable_front_end_enrolled();
    enrolled->set_public_key(request.front_end_public_key());
    enrolled->set_name(request.front_end_name());
  }
  auto* started = proposal.changes.emplace_back().mutable_epoch_started();
  started->set_epoch(state_.epoch() + 1);
  for (const auto& [hsm_id, entry] : state_.members())
    if (hsm_id != options_.hsm_id) started->add_removed(hsm_id);
  State after = state_;
  for (const proto::Change& change : proposal.changes) SR_CHECK(after.Apply(change, {}));
  SR_CHECK(WrapToAll(after, {}, after.epoch(), secret, proposal.clear));
  return proposal;
}

Task<Status> Replica::Core::BecomeOnlyMember(const proto::RestoreCluster& request) {
  if (request.domain()) {
    SR_CO_CHECK(device_.EnsureKey());
    SR_CO_CHECK(CertifyOwnDevice(state_.identity(), device_));
  } else {
    SR_CO_CHECK(CheckMemberCertificate(device_.certificates().manufacturer_hardware,
                                       state_.identity().manufacturer_root, options_.now_millis()));
  }
  SR_CO_TRY(const SecretBuffer fresh, crypto::RandomSecret(32));
  for (int lost = 0; lost < kMaxLostRaces; ++lost) {
    SR_CO_TRY(Proposal proposal, Inheritance(request, fresh));
    proto::LogBatch batch;
    batch.set_written_millis(std::max(options_.now_millis(), state_.written_millis()));
    batch.set_written_by(options_.hsm_id);
    for (proto::Change& change : proposal.changes) *batch.add_changes() = std::move(change);
    const SharedSecret secret = device_.SecretOf(state_.epoch());
    if (!secret) co_return Error(Errc::kInternal, "The secret of this epoch is missing.");
    SR_CO_TRY(Bytes record,
              SealRecord(*secret, request.cluster_id(), state_.epoch(), head_, proposal.clear, batch, {}));
    const Append append = co_await AppendRecord(std::move(record));
    SR_CO_CHECK(Usable());
    if (append.end == Append::End::kDone) co_return Status{};
    if (append.end != Append::End::kLost) co_return *append.error;
  }
  co_return Error(Errc::kConflict, "Another HSM writes to this cluster's log; it is not without members.");
}

Task<Status> Replica::Core::RestoreCluster(proto::RestoreCluster request) {
  const auto self = shared_from_this();
  if (request.cluster_id().empty() || request.cluster_id().size() > 64 || request.backup_id().size() > 64)
    co_return Error(Errc::kInvalidArgument, "The cluster's or the backup's id has an impossible size.");
  if (request.self().hsm_id() != options_.hsm_id)
    co_return Error(Errc::kInvalidArgument,
                    "This HSM is " + options_.hsm_id + ", not " + request.self().hsm_id() + ".");
  if (request.domain() != options_.recovery_key.has_value())
    co_return Error(Errc::kPermission, "The domain cluster, and it alone, is restored with the recovery key.");
  const Turns::Turn turn = co_await turns_.Take();
  SR_CO_CHECK(Usable());
  if (!device_.cluster_id().empty() && device_.cluster_id() != request.cluster_id())
    co_return Error(Errc::kInvalidState, "This HSM belongs to " + device_.cluster_id() + ".");
  if (!request.domain() && device_.certificates().manufacturer_hardware.empty())
    co_return Error(Errc::kInvalidState, "The HSM's device key has not been certified yet.");
  // What a crash or a lost answer left open may have become the last step.
  if (log_.pending()) (void)co_await CatchUpNow();
  SR_CO_CHECK(Usable());
  if (serving()) co_return EnsureHsmCertificate();
  if (!device_.cluster_id().empty()) SR_CO_CHECK(Forget());

  SR_CO_TRY(Past past, co_await ReadPast(request.cluster_id()));
  const bool own = past.snapshot.number > 0 || !past.rows.empty();
  if (!own && (request.domain() || request.backup_id().empty()))
    co_return Error(Errc::kNotFound, "There is neither a backup nor a log of cluster " + request.cluster_id() + ".");
  if (own) {
    SR_CO_CHECK(co_await RestoreFromOwn(request, std::move(past)));
  } else {
    SR_CO_CHECK(co_await RestoreFromBackup(request));
  }
  SR_CO_CHECK(co_await BecomeOnlyMember(request));
  log::Info("cluster {} is restored at record {}, epoch {}", request.cluster_id(), head_.number, state_.epoch());
  RefreshPosition();
  Later(options_.on_lifecycle);
  Later(options_.on_membership);
  co_return EnsureHsmCertificate();
}

Task<Status> Replica::Core::ReplaceRecoveryKey(std::string public_key) {
  const auto self = shared_from_this();
  if (!options_.maintenance)
    co_return Error(Errc::kPermission, "The recovery key is replaced by the operator of the machine only.");
  SR_CO_TRY(const auto parsed, crypto::PublicKey::FromSpki(AsBytes(public_key)));
  if (!crypto::IsRsa(parsed.spec())) co_return Error(Errc::kInvalidArgument, "A recovery key is an RSA key.");
  Decide decide = [this, public_key](const State& state) -> Result<Proposal> {
    if (!state.identity().domain) return Error(Errc::kUnsupported, "Only the domain cluster has a recovery key.");
    if (AsText(state.identity().recovery_public_key) == public_key) return Proposal{};
    Proposal proposal;
    proposal.changes.emplace_back().mutable_recovery_key_replaced()->set_public_key(public_key);
    proposal.changes.emplace_back().mutable_epoch_started()->set_epoch(state.epoch() + 1);
    State after = state;
    for (const proto::Change& change : proposal.changes) SR_CHECK(after.Apply(change, {}));
    SR_TRY(const SecretBuffer secret, crypto::RandomSecret(32));
    SR_CHECK(WrapToAll(after, {}, after.epoch(), secret, proposal.clear));
    // The log and the backups before this record open with the new key, too.
    std::size_t renewed = 0;
    const auto& secrets = device_.secrets();
    for (auto each = secrets.rbegin(); each != secrets.rend() && renewed < kMostEpochsRenewed; ++each, ++renewed) {
      SR_TRY(*proposal.clear.add_wrapped(),
             WrapToRecovery(AsBytes(public_key), state.identity().cluster_id, each->first, *each->second));
    }
    return proposal;
  };
  SR_CO_CHECK(co_await ChangeMembers(std::move(decide)));
  co_return Status{};
}

// For store links of HSMs that are never restored.
Task<Result<SourceBackup>> StoreLink::GetBackup(std::string, std::string) {
  co_return Error(Errc::kUnsupported, "Backups of other clusters cannot be reached here.");
}
Task<Result<std::vector<proto::BackupWrapped>>> StoreLink::ReleaseKeys(std::string, Bytes,
                                                                       std::vector<proto::BackupWrapped>) {
  co_return Error(Errc::kUnsupported, "The deployment backup key cannot be reached here.");
}

}  // namespace strongroom::hsm::replica
