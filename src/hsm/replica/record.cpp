#include "hsm/replica/record.h"

#include <algorithm>

#include "crypto/seal.h"
#include "hsm/replica/byte_io.h"
#include "hsm/replica/sealed_body.h"

namespace strongroom::hsm::replica {
namespace {

Bytes RecordInfo(const std::string& cluster_id, std::uint64_t epoch, std::uint64_t number, const RecordHash& previous) {
  Bytes info = Purpose("strongroom log v1");
  PutCounted(info, AsBytes(cluster_id), 1);
  PutInteger(info, epoch, 8);
  PutInteger(info, number, 8);
  PutBytes(info, previous);
  return info;
}

}  // namespace

RecordHash HashOf(ByteView record) { return crypto::Sha256(record); }

Result<Envelope> ParseRecord(ByteView record) {
  if (record.size() > kMaxRecordBytes) return Error(Errc::kCorrupted, "A log record is too large.");
  return ParseEnvelope("SRL", "log record", record);
}

Status CheckFollows(const Envelope& record, const Head& head, std::uint64_t epoch) {
  const auto refuse = [&](const std::string& what) {
    return Error(Errc::kStale, "The cluster's log does not continue what this HSM has: record " +
                                   std::to_string(record.number) + " " + what + ".");
  };
  if (record.number != head.number + 1) return refuse("stands where " + std::to_string(head.number + 1) + " belongs");
  if (record.link != head.hash) return refuse("follows another record " + std::to_string(head.number));
  if (record.epoch != epoch)
    return refuse("is of epoch " + std::to_string(record.epoch) + " in epoch " + std::to_string(epoch));
  return {};
}

Result<RecordBody> OpenRecord(const Envelope& record, const SecretBuffer& secret, const std::string& cluster_id) {
  RecordBody body;
  const Bytes info = RecordInfo(cluster_id, record.epoch, record.number, record.link);
  SR_CHECK(OpenBody(secret, info, record, "log record", body.batch, body.segments));
  return body;
}

Result<Bytes> SealRecord(const SecretBuffer& secret, const std::string& cluster_id, std::uint64_t epoch,
                         const Head& head, const proto::ClearPart& clear, const proto::LogBatch& batch,
                         const Segments& segments) {
  const Bytes info = RecordInfo(cluster_id, epoch, head.number + 1, head.hash);
  const EnvelopeHead place{"SRL", epoch, head.number + 1, head.hash};
  SR_TRY(Bytes record, SealBody(secret, info, place, clear, batch, segments));
  if (record.size() > kMaxRecordBytes) return Error(Errc::kRequestTooLarge, "The change is too large for one record.");
  return record;
}

}  // namespace strongroom::hsm::replica
