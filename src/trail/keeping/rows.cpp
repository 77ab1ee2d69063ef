#include "trail/keeping/rows.h"

#include <fmt/format.h>

#include <algorithm>

namespace strongroom::trail {
namespace {

using store::Blob;
using store::Text;

constexpr std::size_t kSpanBytes = 16;

constexpr std::string_view kSegmentColumns =
    "SELECT front_end, number, header, first_record, records, first_millis, last_millis, last_hash, closed, directory "
    "FROM audit_segments WHERE front_end = $1";

std::string SegmentsWhere(std::string_view rest) { return fmt::format("{}{}", kSegmentColumns, rest); }

Result<SegmentRow> ReadSegmentRow(const store::Row& row) {
  SegmentRow segment{.front_end = row.Text(0),
                     .number = row.Int(1),
                     .header = row.Blob(2),
                     .first_record = row.Int(3),
                     .records = row.Int(4),
                     .first_millis = row.Int(5),
                     .last_millis = row.Int(6),
                     .closed = row.Int(8) != 0,
                     .directory = row.Blob(9)};
  const Bytes& hash = row.Blob(7);
  if (hash.size() != segment.last_hash.size())
    return Error(Errc::kCorrupted, "A segment of the audit trail has a hash of another length.");
  std::ranges::copy(hash, segment.last_hash.begin());
  return segment;
}

DigestRow ReadDigestRow(const store::Row& row) {
  return {row.Text(0), row.Int(1), row.Int(2), row.Text(3), row.Blob(4)};
}

Result<std::optional<SegmentRow>> OneSegment(Result<std::optional<store::Row>> row) {
  if (!row.ok()) return std::move(row).error();
  if (!*row) return std::optional<SegmentRow>();
  SR_TRY(SegmentRow segment, ReadSegmentRow(**row));
  return std::optional<SegmentRow>(std::move(segment));
}

}  // namespace

Bytes Encode(const Directory& directory) {
  Bytes out;
  out.reserve(directory.size() * kSpanBytes);
  const auto put = [&out](std::int64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8)
      out.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> shift & 0xff));
  };
  for (const auto& [first, last] : directory) {
    put(first);
    put(last);
  }
  return out;
}

Result<Directory> ParseDirectory(ByteView bytes) {
  if (bytes.size() % kSpanBytes != 0) return Error(Errc::kCorrupted, "The directory of an audit segment is damaged.");
  const auto get = [&bytes](std::size_t at) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) value = value << 8 | bytes[at + i];
    return static_cast<std::int64_t>(value);
  };
  Directory directory(bytes.size() / kSpanBytes);
  for (std::size_t i = 0; i < directory.size(); ++i)
    directory[i] = {get(i * kSpanBytes), get(i * kSpanBytes + kSpanBytes / 2)};
  return directory;
}

Status PutSegment(store::Transaction& t, const SegmentRow& row) {
  SR_CHECK(t.Execute(
      "INSERT INTO audit_segments (front_end, number, header, first_record, records, first_millis, last_millis, "
      "last_hash, closed, directory) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (front_end, number) "
      "DO UPDATE SET header = $3, first_record = $4, records = $5, first_millis = $6, last_millis = $7, last_hash = "
      "$8, "
      "closed = $9, directory = $10",
      {Text(row.front_end), row.number, Blob(row.header), row.first_record, row.records, row.first_millis,
       row.last_millis, Blob(row.last_hash), std::int64_t{row.closed ? 1 : 0}, Blob(row.directory)}));
  return {};
}

Result<std::vector<SegmentRow>> LoadSegments(store::Transaction& t, const std::string& front_end) {
  SR_TRY(const auto rows, t.Query(SegmentsWhere(" ORDER BY number"), {Text(front_end)}));
  std::vector<SegmentRow> segments;
  for (const store::Row& row : rows) {
    SR_TRY(SegmentRow segment, ReadSegmentRow(row));
    segments.push_back(std::move(segment));
  }
  return segments;
}

Result<std::optional<SegmentRow>> LoadSegment(store::Transaction& t, const std::string& front_end,
                                              std::int64_t number) {
  return OneSegment(t.QueryOne(SegmentsWhere(" AND number = $2"), {Text(front_end), number}));
}

Result<std::optional<SegmentRow>> LoadLastSegment(store::Transaction& t, const std::string& front_end) {
  return OneSegment(t.QueryOne(SegmentsWhere(" ORDER BY number DESC LIMIT 1"), {Text(front_end)}));
}

Status RemoveSegment(store::Transaction& t, const std::string& front_end, std::int64_t number) {
  for (const std::string_view table : {"audit_index", "audit_blocks", "audit_segments"}) {
    SR_CHECK(t.Execute(fmt::format("DELETE FROM {} WHERE front_end = $1 AND number = $2", table),
                       {Text(front_end), number}));
  }
  return {};
}

Result<std::vector<std::string>> LoadFrontEnds(store::Transaction& t) {
  SR_TRY(const auto rows, t.Query("SELECT front_end FROM audit_segments UNION SELECT front_end FROM audit_digests "
                                  "ORDER BY front_end"));
  std::vector<std::string> names;
  for (const store::Row& row : rows) names.push_back(row.Text(0));
  return names;
}

Status PutBlock(store::Transaction& t, const std::string& front_end, std::int64_t number, std::int64_t block,
                std::string_view packed) {
  SR_CHECK(
      t.Execute("INSERT INTO audit_blocks (front_end, number, block, data) VALUES ($1, $2, $3, $4) "
                "ON CONFLICT (front_end, number, block) DO UPDATE SET data = $4",
                {Text(front_end), number, block, Blob(AsBytes(packed))}));
  return {};
}

Result<std::optional<Bytes>> LoadBlock(store::Transaction& t, const std::string& front_end, std::int64_t number,
                                       std::int64_t block) {
  SR_TRY(const auto row, t.QueryOne("SELECT data FROM audit_blocks WHERE front_end = $1 AND number = $2 AND block = $3",
                                    {Text(front_end), number, block}));
  if (!row) return std::optional<Bytes>();
  return std::optional<Bytes>(row->Blob(0));
}

Status PutIndex(store::Transaction& t, const IndexRow& row) {
  SR_CHECK(t.Execute(
      "INSERT INTO audit_index (account_id, region, attribute, value, front_end, number, first_millis, last_millis, "
      "blocks) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
      "ON CONFLICT (account_id, region, attribute, value, front_end, number) DO UPDATE SET first_millis = $7, "
      "last_millis = $8, blocks = $9",
      {Text(row.account), Text(row.region), Text(row.attribute), Text(row.value), Text(row.front_end), row.number,
       row.first_millis, row.last_millis, Blob(row.blocks)}));
  return {};
}

Result<std::vector<IndexRow>> FindIndex(store::Transaction& t, const IndexQuery& query, std::int64_t limit,
                                        std::int64_t skip) {
  SR_TRY(const auto rows,
         t.Query("SELECT front_end, number, first_millis, last_millis, blocks FROM audit_index WHERE account_id = $1 "
                 "AND region = $2 AND attribute = $3 AND value = $4 AND last_millis >= $5 AND first_millis <= $6 "
                 "ORDER BY last_millis DESC, front_end, number DESC LIMIT $7 OFFSET $8",
                 {Text(query.account), Text(query.region), Text(query.attribute), Text(query.value), query.start_millis,
                  query.end_millis, limit, skip}));
  std::vector<IndexRow> found;
  for (const store::Row& row : rows) {
    found.push_back({.front_end = row.Text(0),
                     .number = row.Int(1),
                     .first_millis = row.Int(2),
                     .last_millis = row.Int(3),
                     .blocks = row.Blob(4)});
  }
  return found;
}

Status InsertDigest(store::Transaction& t, const DigestRow& row) {
  SR_CHECK(
      t.Execute("INSERT INTO audit_digests (front_end, number, made_at, body, signature) VALUES ($1, $2, $3, $4, $5)",
                {Text(row.front_end), row.number, row.made_at, Text(row.body), Blob(row.signature)}));
  return {};
}

Result<std::optional<DigestRow>> LoadLastDigest(store::Transaction& t, const std::string& front_end) {
  SR_TRY(const auto row, t.QueryOne("SELECT front_end, number, made_at, body, signature FROM audit_digests WHERE "
                                    "front_end = $1 ORDER BY number DESC LIMIT 1",
                                    {Text(front_end)}));
  if (!row) return std::optional<DigestRow>();
  return std::optional<DigestRow>(ReadDigestRow(*row));
}

Result<std::vector<DigestRow>> LoadDigests(store::Transaction& t, const std::string& front_end) {
  SR_TRY(const auto rows, t.Query("SELECT front_end, number, made_at, body, signature FROM audit_digests WHERE "
                                  "front_end = $1 ORDER BY number",
                                  {Text(front_end)}));
  std::vector<DigestRow> digests;
  for (const store::Row& row : rows) digests.push_back(ReadDigestRow(row));
  return digests;
}

}  // namespace strongroom::trail
