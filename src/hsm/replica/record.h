#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "hsm/replica/state.h"

namespace strongroom::hsm::replica {

using RecordHash = crypto::Sha256Digest;
inline constexpr std::size_t kMaxRecordBytes = std::size_t{1} << 20;

/// Where the log of one HSM ends.
struct Head {
  std::uint64_t number = 0;  // 0: no record yet
  RecordHash hash{};
};

/// The head of a record or snapshot, as anyone can read it. Views point into the bytes that were parsed.
struct Envelope {
  std::uint64_t epoch = 0;
  std::uint64_t number = 0;
  RecordHash link{};  // record: hash of the one before; snapshot: hash of record `number`
  proto::ClearPart clear;
  ByteView authenticated;  // header and clear part
  ByteView sealed;
};
struct RecordBody {
  proto::LogBatch batch;
  Segments segments;
};
struct SnapshotContent {
  proto::SnapshotBody body;
  Segments segments;
};

RecordHash HashOf(ByteView record);

/// Reads the head of a log record (docs/formats.md 2). Nothing in it is proven yet.
/// Errors: kCorrupted not a record, cut short, or with bytes too many; kUnsupported another version.
Result<Envelope> ParseRecord(ByteView record);
/// Whether the record is the next of a chain. Errors: kStale, saying what differs.
Status CheckFollows(const Envelope& record, const Head& head, std::uint64_t epoch);
/// Errors: kCorrupted when it does not verify under the secret for this cluster and place.
Result<RecordBody> OpenRecord(const Envelope& record, const SecretBuffer& secret, const std::string& cluster_id);
/// Errors: kRequestTooLarge over kMaxRecordBytes.
Result<Bytes> SealRecord(const SecretBuffer& secret, const std::string& cluster_id, std::uint64_t epoch,
                         const Head& head, const proto::ClearPart& clear, const proto::LogBatch& batch,
                         const Segments& segments);

/// Reads the head of a snapshot (docs/formats.md 3). Errors: as ParseRecord.
Result<Envelope> ParseSnapshot(ByteView snapshot);
Result<SnapshotContent> OpenSnapshot(const Envelope& snapshot, const SecretBuffer& secret,
                                     const std::string& cluster_id);
/// With the snapshot's own key, as it was released from the deployment backup key. Errors: as OpenSnapshot.
Result<SnapshotContent> OpenBackup(const Envelope& snapshot, const SecretBuffer& snapshot_key,
                                   const std::string& cluster_id);
/// `clear` gets the snapshot key added: under the epoch's secret and, when a certificate is given, to the backup key.
Result<Bytes> SealSnapshot(const SecretBuffer& secret, const std::string& cluster_id, std::uint64_t epoch,
                           const Head& head, proto::ClearPart clear, const proto::SnapshotBody& body,
                           const Segments& segments, ByteView backup_certificate = {});

}  // namespace strongroom::hsm::replica
