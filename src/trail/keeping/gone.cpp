#include "trail/keeping/gone.h"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <vector>

#include "store/clock_guard.h"
#include "trail/keeping/rows.h"
#include "trail/segment/format.h"
#include "trail/segment/indexer.h"

namespace strongroom::trail {
namespace {

using store::Text;

constexpr std::size_t kMostRowsPerTransaction = 10'000;

Result<bool> Any(store::Transaction& t, std::string_view where, std::initializer_list<store::Value> values) {
  SR_TRY(const auto row,
         t.QueryOne("SELECT 1 FROM audit_segments WHERE front_end = $1" + std::string(where) + " LIMIT 1", values));
  return row.has_value();
}

/// Every row of the index that a segment's blocks have. Its front end brings those of resources' names later than the
/// records; cut into blocks anew, the records are in the same ones. As far as the blocks read.
Result<std::vector<IndexRow>> IndexOf(store::Database& database, const SegmentRow& segment) {
  std::size_t used = 0;
  auto header = ParseHeader(AsText(segment.header), used);
  const auto directory = ParseDirectory(segment.directory);
  if (!header.ok() || !directory.ok()) return std::vector<IndexRow>();
  Indexer indexer(*std::move(header));
  for (std::size_t block = 0; block < directory->size(); ++block) {
    SR_TRY(const auto packed, database.Read([&](store::Transaction& t) {
      return LoadBlock(t, segment.front_end, segment.number, static_cast<std::int64_t>(block));
    }));
    const auto bytes = packed ? Unpacked(AsText(*packed), kMostUnpackedBlock) : Result<std::string>(std::string());
    if (!bytes.ok() || bytes->empty() || !indexer.Feed(*bytes).ok()) break;
  }
  return std::move(indexer.Take().index);
}

}  // namespace

Result<GoneWork> LookAtGone(store::Transaction& t, const std::string& front_end, std::int64_t keep_millis) {
  SR_TRY(const bool any, Any(t, "", {Text(front_end)}));
  if (!any) {
    SR_TRY(const auto digest,
           t.QueryOne("SELECT 1 FROM audit_digests WHERE front_end = $1 LIMIT 1", {Text(front_end)}));
    return digest ? GoneWork::kForget : GoneWork::kNone;
  }
  SR_TRY(const auto row,
         t.QueryOne("SELECT value FROM deployment WHERE name = $1", {Text("audit-digested " + front_end)}));
  const std::int64_t named = row ? std::strtoll(std::string(AsText(row->Blob(0))).c_str(), nullptr, 10) : 0;
  SR_TRY(const bool unsaid, Any(t, " AND (closed = 0 OR number > $2)", {Text(front_end), named}));
  if (unsaid) return GoneWork::kDigest;
  SR_TRY(const std::int64_t now, t.NowMillis());
  SR_TRY(const bool old, Any(t, " AND last_millis < $2", {Text(front_end), now - keep_millis}));
  SR_TRY(const bool trusted, store::ClockIsTrusted(t));
  return old && trusted ? GoneWork::kRetire : GoneWork::kNone;
}

Status CloseGone(store::Database& database, const std::string& front_end) {
  SR_TRY(const auto segments, database.Read([&](store::Transaction& t) { return LoadSegments(t, front_end); }));
  for (const SegmentRow& segment : segments) {
    if (segment.closed) continue;
    SR_TRY(std::vector<IndexRow> index, IndexOf(database, segment));
    while (!index.empty()) {
      const std::size_t count = std::min(index.size(), kMostRowsPerTransaction);
      const Status put = database.Transact([&](store::Transaction& t) -> Status {
        for (std::size_t i = index.size() - count; i < index.size(); ++i) SR_CHECK(PutIndex(t, index[i]));
        return {};
      });
      SR_CHECK(put);
      index.resize(index.size() - count);
    }
    SR_CHECK(database.Transact([&](store::Transaction& t) {
      return t.Execute("UPDATE audit_segments SET closed = 1 WHERE front_end = $1 AND number = $2",
                       {Text(front_end), segment.number});
    }));
  }
  return {};
}

Status ForgetGone(store::Transaction& t, const std::string& front_end) {
  SR_TRY(const bool any, Any(t, "", {Text(front_end)}));
  if (any) return {};
  SR_CHECK(t.Execute("DELETE FROM audit_digests WHERE front_end = $1", {Text(front_end)}));
  // A front end's name is a host's id, which has no wildcard.
  SR_CHECK(t.Execute("DELETE FROM deployment WHERE name = $1 OR name LIKE $2",
                     {Text("audit-digested " + front_end), Text("audit-delivered " + front_end + " %")}));
  return {};
}

}  // namespace strongroom::trail
