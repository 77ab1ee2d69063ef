// The end of an HSM's part in a cluster: it was removed, or it is told to zeroise itself.
#include "base/log.h"
#include "hsm/replica/byte_io.h"
#include "hsm/replica/core.h"
#include "wire/zeroize_statement.h"

namespace strongroom::hsm::replica {
namespace {

constexpr std::size_t kMaxProofBytes = std::size_t{64} << 10;
constexpr auto kScheme = crypto::SignatureScheme::kPssSha256;

std::filesystem::path ProofPath(const std::filesystem::path& directory) { return directory / "zeroised"; }

Bytes ToFile(const proto::Zeroize& proof) {
  Bytes content;
  PutCounted(content, AsBytes(proof.statement()), 4);
  PutCounted(content, AsBytes(proof.signature()), 4);
  PutCounted(content, AsBytes(proof.device_certificate()), 4);
  return content;
}

Result<proto::Zeroize> FromFile(ByteView content) {
  ByteReader in(content);
  const auto statement = in.Counted(4), signature = in.Counted(4), certificate = in.Counted(4);
  if (!certificate || !in.done()) return Error(Errc::kCorrupted, "The HSM's file zeroised is damaged.");
  proto::Zeroize proof;
  proof.set_statement(std::string(AsText(*statement)));
  proof.set_signature(std::string(AsText(*signature)));
  proof.set_device_certificate(std::string(AsText(*certificate)));
  return proof;
}

}  // namespace

Result<std::optional<proto::Zeroize>> LoadZeroized(const std::filesystem::path& directory) {
  SR_TRY(const auto content, ReadFile(ProofPath(directory), kMaxProofBytes));
  if (!content) return std::optional<proto::Zeroize>();
  SR_TRY(proto::Zeroize proof, FromFile(*content));
  // The file is written before anything is removed, so that a crash in between is made good here.
  for (const char* name : {"device.sealed", "log", "snapshot"}) SR_CHECK(RemoveFile(directory / name));
  return std::optional<proto::Zeroize>(std::move(proof));
}

Error Zeroized() { return Error(Errc::kInvalidState, "This HSM was zeroised."); }

// The device file first: without the secrets in it, what the log still holds cannot be read. A start after a crash in
// between removes the log (Replay).
void Replica::Core::Removed() {
  const std::string cluster_id = device_.cluster_id();
  Status wiped = device_.LeaveCluster();
  if (wiped.ok()) wiped = log_.Destroy();
  if (!wiped.ok()) LogError("wiping the state of a removed HSM", wiped.error());
  head_ = {};
  pending_record_.clear();
  position_keys_.clear();
  Stop(Error(Errc::kUntrusted, "This HSM was removed from cluster " + cluster_id + "."));
}

Result<proto::Zeroize> Replica::Core::MakeProof() const {
  proto::Zeroize proof;
  if (!device_.has_key() || device_.certificates().manufacturer_hardware.empty()) return proof;
  wire::ZeroizeStatement says;
  says.hsm_id = options_.hsm_id;
  says.cluster_id = device_.cluster_id().empty() ? device_.left_cluster() : device_.cluster_id();
  says.at_millis = options_.now_millis();
  const Bytes statement = wire::MakeZeroizeStatement(says);
  SR_TRY(const Bytes signature, device_.key().Sign(kScheme, crypto::MessageForm::kRaw, wire::SignedForm(statement)));
  proof.set_statement(std::string(AsText(statement)));
  proof.set_signature(std::string(AsText(signature)));
  proof.set_device_certificate(std::string(AsText(device_.certificates().manufacturer_hardware)));
  return proof;
}

void Replica::Core::ComeBackZeroized(proto::Zeroize proof) {
  zeroized_ = std::move(proof);
  stopped_ = Zeroized();
}

Task<Result<proto::Zeroize>> Replica::Core::Zeroize() {
  const auto self = shared_from_this();
  if (dropped_) co_return Usable().error();
  // Not after its turn: what is under way finds this HSM stopped and writes nothing more.
  Stop(Zeroized());
  stopped_ = Zeroized();
  state_ = State(options_.feature_level);
  head_ = {};
  pending_record_.clear();
  position_keys_.clear();
  if (!zeroized_) {
    SR_CO_TRY(proto::Zeroize proof, MakeProof());
    zeroized_ = std::move(proof);
    // On a full disk it is given from memory, as long as this process lives.
    const bool anything = !zeroized_->statement().empty();
    const Status kept = anything ? ReplaceFile(ProofPath(options_.directory), ToFile(*zeroized_)) : Status();
    if (!kept.ok()) LogError("keeping the proof that this HSM was zeroised", kept.error());
  }
  // Nobody gets the proof before all of it is true.
  SR_CO_CHECK(device_.Destroy());
  SR_CO_CHECK(log_.Destroy());
  co_return *zeroized_;
}

}  // namespace strongroom::hsm::replica
