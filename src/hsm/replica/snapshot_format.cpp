#include "crypto/random.h"
#include "crypto/seal.h"
#include "hsm/replica/byte_io.h"
#include "hsm/replica/record.h"
#include "hsm/replica/sealed_body.h"
#include "hsm/replica/wrapping.h"

namespace strongroom::hsm::replica {
namespace {

Bytes SnapshotInfo(const std::string& cluster_id, std::uint64_t number) {
  Bytes info = Purpose("strongroom snapshot v1");
  PutCounted(info, AsBytes(cluster_id), 1);
  PutInteger(info, number, 8);
  return info;
}

Bytes KeyInfo(const std::string& cluster_id, std::uint64_t epoch, std::uint64_t number) {
  Bytes info = Purpose("strongroom snapshot key v1");
  PutCounted(info, AsBytes(cluster_id), 1);
  PutInteger(info, epoch, 8);
  PutInteger(info, number, 8);
  return info;
}

}  // namespace

Result<Envelope> ParseSnapshot(ByteView snapshot) { return ParseEnvelope("SRS", "snapshot", snapshot); }

Result<SnapshotContent> OpenSnapshot(const Envelope& snapshot, const SecretBuffer& secret,
                                     const std::string& cluster_id) {
  for (const proto::WrappedSecret& wrapped : snapshot.clear.wrapped()) {
    if (wrapped.to() != proto::WrappedSecret::CLUSTER || wrapped.epoch() != snapshot.epoch) continue;
    auto key =
        crypto::Open(secret, KeyInfo(cluster_id, snapshot.epoch, snapshot.number), {}, AsBytes(wrapped.wrapped()));
    if (!key.ok()) {
      if (key.error().code() != Errc::kBadCiphertext) return std::move(key).error();
      return Error(Errc::kCorrupted, "A snapshot does not verify: it is forged, damaged or of another cluster.");
    }
    return OpenBackup(snapshot, *key, cluster_id);
  }
  return Error(Errc::kCorrupted, "A snapshot does not have its key under the cluster's secret.");
}

Result<SnapshotContent> OpenBackup(const Envelope& snapshot, const SecretBuffer& snapshot_key,
                                   const std::string& cluster_id) {
  SnapshotContent content;
  SR_CHECK(OpenBody(snapshot_key, SnapshotInfo(cluster_id, snapshot.number), snapshot, "snapshot", content.body,
                    content.segments));
  if (content.body.epoch() != snapshot.epoch) return Error(Errc::kCorrupted, "A snapshot names two epochs.");
  return content;
}

Result<Bytes> SealSnapshot(const SecretBuffer& secret, const std::string& cluster_id, std::uint64_t epoch,
                           const Head& head, proto::ClearPart clear, const proto::SnapshotBody& body,
                           const Segments& segments, ByteView backup_certificate) {
  SR_TRY(const SecretBuffer key, crypto::RandomSecret(32));
  SR_TRY(const Bytes wrapped, crypto::SealSecret(secret, KeyInfo(cluster_id, epoch, head.number), {}, key));
  proto::WrappedSecret* to_cluster = clear.add_wrapped();
  to_cluster->set_to(proto::WrappedSecret::CLUSTER);
  to_cluster->set_epoch(epoch);
  to_cluster->set_wrapped(std::string(AsText(wrapped)));
  if (!backup_certificate.empty()) {
    SR_TRY(*clear.add_wrapped(), WrapSnapshotKey(backup_certificate, cluster_id, epoch, head.number, key));
  }
  const EnvelopeHead place{"SRS", epoch, head.number, head.hash};
  return SealBody(key, SnapshotInfo(cluster_id, head.number), place, clear, body, segments);
}

}  // namespace strongroom::hsm::replica
