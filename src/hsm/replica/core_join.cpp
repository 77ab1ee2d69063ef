#include <algorithm>

#include "base/log.h"
#include "crypto/random.h"
#include "hsm/replica/core.h"
#include "hsm/replica/identity.h"
#include "hsm/replica/wrapping.h"

namespace strongroom::hsm::replica {
namespace {

constexpr std::size_t kMaxJoinBytes = std::size_t{256} << 20;
constexpr std::size_t kMaxNameBytes = 64;

std::string Text(const Bytes& bytes) { return std::string(AsText(bytes)); }

Status CheckName(const std::string& name, const char* what) {
  if (name.empty() || name.size() > kMaxNameBytes)
    return Error(Errc::kInvalidArgument, "The " + std::string(what) + " has an impossible size.");
  return {};
}

/// What a joining HSM has read: nothing of it is proven before it opens under the secret that was wrapped to it.
struct History {
  StoredSnapshot snapshot;
  std::vector<StoredRecord> rows;  // after the snapshot
  EpochSecrets secrets;
};

}  // namespace

Task<Status> Replica::Core::CreateCluster(proto::CreateCluster request) {
  const auto self = shared_from_this();
  SR_CO_CHECK(Usable());
  SR_CO_CHECK(CheckName(request.cluster_id(), "cluster's id"));
  SR_CO_CHECK(CheckName(request.self().hsm_id(), "HSM's id"));
  if (request.self().hsm_id() != options_.hsm_id)
    co_return Error(Errc::kInvalidArgument,
                    "This HSM is " + options_.hsm_id + ", not " + request.self().hsm_id() + ".");
  if (request.domain() && request.front_end_public_key().empty())
    co_return Error(Errc::kInvalidArgument, "The domain cluster needs a front end's public key.");
  const Turns::Turn turn = co_await turns_.Take();
  SR_CO_CHECK(Usable());
  if (!device_.cluster_id().empty() && device_.cluster_id() != request.cluster_id())
    co_return Error(Errc::kInvalidState, "This HSM belongs to " + device_.cluster_id() + ".");
  // A repeat of what was done, or of what a crash or a lost answer left open.
  if (head_.number > 0) co_return Status{};
  if (log_.pending()) {
    SR_CO_CHECK(co_await CatchUpNow());
    if (head_.number > 0) co_return EnsureHsmCertificate();
  }
  auto rows = co_await store_.Read(request.cluster_id(), 1);
  SR_CO_CHECK(Usable());
  if (!rows.ok())
    co_return Error(Errc::kUnavailable, "The cluster's log cannot be reached; nothing was changed. Try again.");
  if (rows->head > 0) co_return Error(Errc::kAlreadyExists, "The cluster has a log already.");

  request.mutable_self()->set_feature_level(options_.feature_level);
  SR_CO_TRY(Proposal proposal, MakeGenesis(request, device_));
  SR_CO_TRY(SecretBuffer fresh, crypto::RandomSecret(32));
  const SharedSecret secret = Share(std::move(fresh));
  proto::ClearPart clear;
  SR_CO_TRY(*clear.add_wrapped(),
            WrapToDevice(device_.key().public_key(), options_.hsm_id, request.cluster_id(), 1, *secret));
  if (!request.recovery_public_key().empty()) {
    SR_CO_TRY(*clear.add_wrapped(),
              WrapToRecovery(AsBytes(request.recovery_public_key()), request.cluster_id(), 1, *secret));
  }
  if (!request.domain() && !device_.certificates().backup.empty()) {
    SR_CO_TRY(*clear.add_wrapped(), WrapToBackup(device_.certificates().backup, request.cluster_id(), 1, *secret));
  }
  proto::LogBatch batch;
  batch.set_written_millis(options_.now_millis());
  batch.set_written_by(options_.hsm_id);
  for (proto::Change& change : proposal.changes) *batch.add_changes() = std::move(change);
  State scratch(options_.feature_level);
  SR_CO_CHECK(scratch.ApplyBatch(batch, proposal.segments));
  SR_CO_CHECK(device_.AddSecrets(request.cluster_id(), {{1, secret}}));
  SR_CO_TRY(Bytes record, SealRecord(*secret, request.cluster_id(), 1, head_, clear, batch, proposal.segments));
  Append append = co_await AppendRecord(std::move(record));
  SR_CO_CHECK(Usable());
  if (append.end == Append::End::kDone) co_return EnsureHsmCertificate();
  if (append.end == Append::End::kOpen) co_return *append.error;
  SR_CO_CHECK(Forget());
  if (append.error && append.error->code() == Errc::kUnavailable) co_return *append.error;
  co_return Error(Errc::kAlreadyExists, "The cluster has a log already.");
}

Task<Result<Bytes>> Replica::Core::DeviceRequest() {
  const auto self = shared_from_this();
  const Turns::Turn turn = co_await turns_.Take();
  SR_CO_CHECK(Usable());
  SR_CO_CHECK(device_.EnsureKey());
  SR_CO_TRY(const std::string pem, crypto::MakeCsr(HardwareSubject(device_.serial()), device_.key()));
  co_return CsrPemToDer(pem);
}

Task<Status> Replica::Core::InstallDevice(proto::InstallDevice request) {
  const auto self = shared_from_this();
  const Turns::Turn turn = co_await turns_.Take();
  SR_CO_CHECK(Usable());
  if (!device_.has_key()) co_return Error(Errc::kInvalidState, "This HSM has no device key yet.");
  Device::Certificates certificates = device_.certificates();
  certificates.aws_hardware = ToBytes(AsBytes(request.aws_hardware_certificate()));
  certificates.manufacturer_hardware = ToBytes(AsBytes(request.manufacturer_hardware_certificate()));
  certificates.aws_root = ToBytes(AsBytes(request.aws_root()));
  certificates.manufacturer_root = ToBytes(AsBytes(request.manufacturer_root()));
  certificates.backup = ToBytes(AsBytes(request.backup_certificate()));
  if (certificates.manufacturer_hardware == device_.certificates().manufacturer_hardware) co_return Status{};
  if (!device_.cluster_id().empty()) co_return Error(Errc::kInvalidState, "This HSM is in a cluster already.");
  SR_CO_CHECK(CheckDeviceCertificates(certificates, device_.key().public_key()));
  co_return device_.SetCertificates(std::move(certificates));
}

Task<Result<Bytes>> Replica::Core::ChangeMembers(Decide decide) {
  co_return co_await Change(std::nullopt, 0, std::move(decide));
}

Task<Status> Replica::Core::InstallClusterCertificate(proto::InstallClusterCertificate request) {
  const auto self = shared_from_this();
  Decide decide = [this, request](const State& state) -> Result<Proposal> {
    const ByteView certificate = AsBytes(request.certificate()), anchor = AsBytes(request.trust_anchor());
    const Identity& identity = state.identity();
    if (state.lifecycle() != proto::UNINITIALIZED) {
      if (AsText(identity.cluster_certificate) == request.certificate()) return Proposal{};
      return Error(Errc::kInvalidState, "The cluster is initialized already.");
    }
    SR_CHECK(CheckClusterCertificate(identity, certificate, anchor, options_.now_millis()));
    Proposal proposal;
    auto* installed = proposal.changes.emplace_back().mutable_cluster_certificate();
    installed->set_certificate(request.certificate());
    installed->set_trust_anchor(request.trust_anchor());
    return proposal;
  };
  SR_CO_CHECK(co_await ChangeMembers(std::move(decide)));
  co_return Status{};
}

Task<Status> Replica::Core::EnrollFrontEnd(proto::EnrollFrontEnd request) {
  const auto self = shared_from_this();
  SR_CO_CHECK(CheckName(request.name(), "front end's name"));
  SR_CO_CHECK(crypto::PublicKey::FromSpki(AsBytes(request.public_key())));
  Decide decide = [request](const State& state) -> Result<Proposal> {
    if (!state.identity().domain) return Error(Errc::kUnsupported, "Only the domain cluster has front ends.");
    if (state.front_ends().contains(ToBytes(AsBytes(request.public_key())))) return Proposal{};
    Proposal proposal;
    auto* enrolled = proposal.changes.emplace_back().mutable_front_end_enrolled();
    enrolled->set_public_key(request.public_key());
    enrolled->set_name(request.name());
    return proposal;
  };
  SR_CO_CHECK(co_await ChangeMembers(std::move(decide)));
  co_return Status{};
}

Task<Status> Replica::Core::RemoveFrontEnd(proto::RemoveFrontEnd request) {
  const auto self = shared_from_this();
  SR_CO_TRY(const crypto::Certificate certificate, crypto::Certificate::FromDer(AsBytes(request.certificate())));
  Decide decide = [key = certificate.public_key_spki()](const State& state) -> Result<Proposal> {
    if (!state.identity().domain) return Error(Errc::kUnsupported, "Only the domain cluster has front ends.");
    if (!state.front_ends().contains(key)) return Proposal{};
    // Nobody could use the deployment's keys any more, nor let another in.
    if (state.front_ends().size() == 1)
      return Error(Errc::kInvalidState, "The domain cluster's only front end cannot be removed.");
    Proposal proposal;
    proposal.changes.emplace_back().mutable_front_end_removed()->set_public_key(std::string(AsText(key)));
    return proposal;
  };
  SR_CO_CHECK(co_await ChangeMembers(std::move(decide)));
  co_return Status{};
}

Task<Status> Replica::Core::MakeSnapshot(std::string kind, std::string backup_id) {
  const auto self = shared_from_this();
  SR_CO_CHECK(CheckName(kind, "snapshot's kind"));
  SR_CO_CHECK(CheckName(backup_id, "backup's id"));
  SR_CO_CHECK(InCluster());
  SR_CO_TRY(Bytes data, SnapshotBytes());
  co_return co_await store_.PutSnapshot(device_.cluster_id(), head_.number, std::move(backup_id), std::move(kind),
                                        std::move(data));
}

Task<Status> Replica::Core::JoinCluster(proto::JoinCluster request) {
  const auto self = shared_from_this();
  SR_CO_CHECK(CheckName(request.cluster_id(), "cluster's id"));
  if (request.self().hsm_id() != options_.hsm_id)
    co_return Error(Errc::kInvalidArgument,
                    "This HSM is " + options_.hsm_id + ", not " + request.self().hsm_id() + ".");
  const Turns::Turn turn = co_await turns_.Take();
  SR_CO_CHECK(Usable());
  if (!device_.cluster_id().empty() && device_.cluster_id() != request.cluster_id())
    co_return Error(Errc::kInvalidState, "This HSM belongs to " + device_.cluster_id() + ".");
  if (device_.certificates().manufacturer_hardware.empty())
    co_return Error(Errc::kInvalidState, "The HSM's device key has not been certified yet.");
  if (head_.number == 0) SR_CO_CHECK(co_await Join(request));
  SR_CO_CHECK(co_await CatchUpNow());
  SR_CO_CHECK(Usable());
  if (!serving()) co_return Error(Errc::kUntrusted, "This HSM was not admitted to the cluster.");
  Later(options_.on_lifecycle);
  Later(options_.on_membership);
  co_return EnsureHsmCertificate();
}

Task<Status> Replica::Core::Join(const proto::JoinCluster& request) {
  const std::string& cluster_id = request.cluster_id();
  const auto unreachable = [] { return Error(Errc::kUnavailable, "The cluster's log cannot be reached. Try again."); };
  History history;
  const auto collect = [&](const proto::ClearPart& clear) -> Status {
    SR_TRY(EpochSecrets found, Unwrap(clear, device_.key(), options_.hsm_id, cluster_id));
    for (auto& [epoch, secret] : found) history.secrets[epoch] = std::move(secret);
    return {};
  };

  auto snapshot = co_await store_.GetSnapshot(cluster_id);
  SR_CO_CHECK(Usable());
  if (!snapshot.ok()) co_return unreachable();
  history.snapshot = std::move(*snapshot);
  Envelope base;
  if (history.snapshot.number > 0) {
    SR_CO_TRY(base, ParseSnapshot(history.snapshot.data));
    if (base.number != history.snapshot.number)
      co_return Error(Errc::kCorrupted, "The cluster's newest snapshot has another number than it is stored under.");
    SR_CO_CHECK(collect(base.clear));
  }
  std::size_t bytes = 0;
  for (std::uint64_t at = base.number, head = at + 1; at < head;) {
    auto rows = co_await store_.Read(cluster_id, at + 1);
    SR_CO_CHECK(Usable());
    if (!rows.ok()) co_return unreachable();
    head = rows->head;
    if (rows->rows.empty()) break;
    for (StoredRecord& row : rows->rows) {
      SR_CO_TRY(const Envelope envelope, ParseRecord(row.record));
      if (row.number != ++at || envelope.number != at)
        co_return Error(Errc::kCorrupted, "The cluster's log has a gap at record " + std::to_string(at) + ".");
      SR_CO_CHECK(collect(envelope.clear));
      bytes += row.record.size();
      history.rows.push_back(std::move(row));
    }
    if (bytes > kMaxJoinBytes)
      co_return Error(Errc::kResourceExhausted, "Too much log follows the newest snapshot; make a new one first.");
  }
  if (history.secrets.empty())
    co_return Error(Errc::kUntrusted, "This HSM was not admitted to the cluster: no secret is wrapped to its key.");
  if (base.number > 0 && !history.secrets.contains(base.epoch))
    co_return Error(Errc::kInvalidState,
                    "The newest snapshot is older than what this HSM was given; make a new one first.");

  // What does not prove itself is taken back below.
  SR_CO_CHECK(device_.AddSecrets(cluster_id, history.secrets));
  Status joined = log_.Reset(std::move(history.snapshot.data), base.number);
  if (joined.ok()) joined = BuildFromSnapshot();
  if (joined.ok()) joined = ApplyRows(history.rows);
  if (joined.ok()) joined = Usable();
  const auto self_entry = state_.members().find(options_.hsm_id);
  if (joined.ok() && (self_entry == state_.members().end() ||
                      self_entry->second.device_certificate != device_.certificates().manufacturer_hardware ||
                      state_.identity().cluster_id != cluster_id))
    joined = Error(Errc::kUntrusted, "This HSM was not admitted to the cluster.");
  if (joined.ok()) {
    RefreshPosition();
    co_return joined;
  }
  if (!stopped_) SR_CO_CHECK(Forget());
  co_return joined;
}

proto::HsmStatus Replica::Core::HsmStatus() const {
  const Identity& identity = state_.identity();
  const Device::Certificates& certificates = device_.certificates();
  proto::HsmStatus status;
  status.set_cluster_id(identity.cluster_id);
  status.set_lifecycle(state_.lifecycle());
  status.set_head(head_.number);
  status.set_csr(Text(identity.csr));
  status.set_hsm_certificate(Text(certificates.hsm));
  status.set_cluster_certificate(Text(identity.cluster_certificate));
  status.set_trust_anchor(Text(identity.trust_anchor));
  status.set_aws_hardware_certificate(Text(certificates.aws_hardware));
  status.set_manufacturer_hardware_certificate(Text(certificates.manufacturer_hardware));
  status.set_aws_root(Text(certificates.aws_root));
  status.set_manufacturer_root(Text(certificates.manufacturer_root));
  for (const auto& [hsm_id, entry] : state_.members()) *status.add_members() = entry.member;
  status.set_epoch(state_.epoch());
  status.set_version(options_.version);
  status.set_message(LogProblem());
  if (contradiction_ && refused_.number > 0) {
    status.set_refused_number(refused_.number);
    status.set_refused_hash(Text(ToBytes(HashOf(refused_.record))));
  }
  status.set_feature_level(options_.feature_level);
  status.set_pending_number(log_.pending().value_or(0));
  return status;
}

}  // namespace strongroom::hsm::replica
