#include "hsm/replica/wrapping.h"

#include <algorithm>

#include "crypto/certificate.h"
#include "hsm/replica/byte_io.h"
#include "hsm/replica/sealed_body.h"

namespace strongroom::hsm::replica {
namespace {

Bytes Label(const std::string& cluster_id, std::uint64_t epoch) {
  Bytes label = Purpose("strongroom wrap v1");
  PutCounted(label, AsBytes(cluster_id), 1);
  PutInteger(label, epoch, 8);
  return label;
}

// Of a snapshot's own key; an epoch's secret has the label above.
Bytes SnapshotLabel(const std::string& cluster_id, std::uint64_t number) {
  Bytes label = Purpose("strongroom backup v1");
  PutCounted(label, AsBytes(cluster_id), 1);
  PutInteger(label, number, 8);
  return label;
}

Bytes LabelOf(const proto::BackupWrapped& wrapped, const std::string& cluster_id) {
  return wrapped.number() == 0 ? Label(cluster_id, wrapped.epoch()) : SnapshotLabel(cluster_id, wrapped.number());
}

Result<crypto::PublicKey> KeyOf(ByteView certificate) {
  SR_TRY(const auto parsed, crypto::Certificate::FromDer(certificate));
  return parsed.public_key();
}

Result<proto::WrappedSecret> Wrap(const crypto::PublicKey& key, proto::WrappedSecret::To to, std::string recipient,
                                  const std::string& cluster_id, std::uint64_t epoch, const SecretBuffer& secret) {
  SR_TRY(const Bytes bytes, key.EncryptOaep(crypto::OaepHash::kSha256, Label(cluster_id, epoch), secret));
  proto::WrappedSecret wrapped;
  wrapped.set_to(to);
  wrapped.set_recipient(std::move(recipient));
  wrapped.set_epoch(epoch);
  wrapped.set_wrapped(std::string(AsText(bytes)));
  return wrapped;
}

}  // namespace

Result<proto::WrappedSecret> WrapToDevice(const crypto::PublicKey& device, const std::string& hsm_id,
                                          const std::string& cluster_id, std::uint64_t epoch,
                                          const SecretBuffer& secret) {
  return Wrap(device, proto::WrappedSecret::DEVICE, hsm_id, cluster_id, epoch, secret);
}

Result<proto::WrappedSecret> WrapToRecovery(ByteView recovery_spki, const std::string& cluster_id, std::uint64_t epoch,
                                            const SecretBuffer& secret) {
  SR_TRY(const crypto::PublicKey key, crypto::PublicKey::FromSpki(recovery_spki));
  return Wrap(key, proto::WrappedSecret::RECOVERY, Hex(crypto::Sha256(recovery_spki)), cluster_id, epoch, secret);
}

Result<proto::WrappedSecret> WrapToBackup(ByteView backup_certificate, const std::string& cluster_id,
                                          std::uint64_t epoch, const SecretBuffer& secret) {
  SR_TRY(const crypto::PublicKey key, KeyOf(backup_certificate));
  return Wrap(key, proto::WrappedSecret::BACKUP_EPOCH, Hex(crypto::Sha256(key.ToSpki())), cluster_id, epoch, secret);
}

Result<proto::WrappedSecret> WrapSnapshotKey(ByteView backup_certificate, const std::string& cluster_id,
                                             std::uint64_t epoch, std::uint64_t number, const SecretBuffer& key) {
  SR_TRY(const crypto::PublicKey backup, KeyOf(backup_certificate));
  SR_TRY(const Bytes bytes, backup.EncryptOaep(crypto::OaepHash::kSha256, SnapshotLabel(cluster_id, number), key));
  proto::WrappedSecret wrapped;
  wrapped.set_to(proto::WrappedSecret::BACKUP_KEY);
  wrapped.set_recipient(Hex(crypto::Sha256(backup.ToSpki())));
  wrapped.set_epoch(epoch);
  wrapped.set_wrapped(std::string(AsText(bytes)));
  return wrapped;
}

Status WrapToAll(const State& state, const std::vector<std::string>& without, std::uint64_t epoch,
                 const SecretBuffer& secret, proto::ClearPart& clear) {
  const Identity& identity = state.identity();
  for (const auto& [hsm_id, entry] : state.members()) {
    if (std::find(without.begin(), without.end(), hsm_id) != without.end()) continue;
    SR_TRY(const auto certificate, crypto::Certificate::FromDer(entry.device_certificate));
    SR_TRY(const crypto::PublicKey key, certificate.public_key());
    SR_TRY(*clear.add_wrapped(), WrapToDevice(key, hsm_id, identity.cluster_id, epoch, secret));
  }
  if (!identity.recovery_public_key.empty()) {
    SR_TRY(*clear.add_wrapped(), WrapToRecovery(identity.recovery_public_key, identity.cluster_id, epoch, secret));
  }
  if (!identity.domain && !identity.backup_certificate.empty()) {
    SR_TRY(*clear.add_wrapped(), WrapToBackup(identity.backup_certificate, identity.cluster_id, epoch, secret));
  }
  return {};
}

Result<EpochSecrets> Unwrap(const proto::ClearPart& clear, const crypto::PrivateKey& device, const std::string& hsm_id,
                            const std::string& cluster_id) {
  EpochSecrets secrets;
  for (const proto::WrappedSecret& wrapped : clear.wrapped()) {
    if (wrapped.to() != proto::WrappedSecret::DEVICE || wrapped.recipient() != hsm_id) continue;
    auto secret =
        device.DecryptOaep(crypto::OaepHash::kSha256, Label(cluster_id, wrapped.epoch()), AsBytes(wrapped.wrapped()));
    if (!secret.ok() || secret->size() != 32)
      return Error(Errc::kCorrupted, "The cluster's secret for this HSM cannot be unwrapped with its device key.")
          .WithDetail("epoch " + std::to_string(wrapped.epoch()));
    secrets[wrapped.epoch()] = Share(std::move(*secret));
  }
  return secrets;
}

Result<EpochSecrets> UnwrapRecovery(const proto::ClearPart& clear, const crypto::PrivateKey& recovery,
                                    const std::string& cluster_id) {
  const std::string fingerprint = Hex(crypto::Sha256(recovery.public_key().ToSpki()));
  EpochSecrets secrets;
  for (const proto::WrappedSecret& wrapped : clear.wrapped()) {
    if (wrapped.to() != proto::WrappedSecret::RECOVERY || wrapped.recipient() != fingerprint) continue;
    auto secret =
        recovery.DecryptOaep(crypto::OaepHash::kSha256, Label(cluster_id, wrapped.epoch()), AsBytes(wrapped.wrapped()));
    if (!secret.ok() || secret->size() != 32)
      return Error(Errc::kCorrupted, "A secret that is wrapped to this recovery key does not open with it.")
          .WithDetail("epoch " + std::to_string(wrapped.epoch()));
    secrets[wrapped.epoch()] = Share(std::move(*secret));
  }
  return secrets;
}

Result<SecretBuffer> UnwrapReleased(const proto::BackupWrapped& wrapped, const crypto::PrivateKey& key,
                                    const std::string& cluster_id) {
  auto secret = key.DecryptOaep(crypto::OaepHash::kSha256, LabelOf(wrapped, cluster_id), AsBytes(wrapped.wrapped()));
  if (!secret.ok() || secret->size() != 32)
    return Error(Errc::kCorrupted, "A backup's key cannot be unwrapped: it is damaged, or of another cluster.");
  return secret;
}

Result<proto::BackupWrapped> Release(const proto::BackupWrapped& wrapped, const crypto::PrivateKey& backup_key,
                                     const crypto::PublicKey& device, const std::string& cluster_id) {
  SR_TRY(const SecretBuffer secret, UnwrapReleased(wrapped, backup_key, cluster_id));
  SR_TRY(const Bytes bytes, device.EncryptOaep(crypto::OaepHash::kSha256, LabelOf(wrapped, cluster_id), secret));
  proto::BackupWrapped released = wrapped;
  released.set_wrapped(std::string(AsText(bytes)));
  return released;
}

}  // namespace strongroom::hsm::replica
