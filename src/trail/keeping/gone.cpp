#include "trail/keeping/gone.h"

#include <cstdlib>
#include <initializer_list>

#include "trail/keeping/rows.h"

namespace strongroom::trail {
namespace {

using store::Text;

Result<bool> Any(store::Transaction& t, std::string_view where, std::initializer_list<store::Value> values) {
  SR_TRY(const auto row,
         t.QueryOne("SELECT 1 FROM audit_segments WHERE front_end = $1" + std::string(where) + " LIMIT 1", values));
  return row.has_value();
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
  return old ? GoneWork::kRetire : GoneWork::kNone;
}

Status CloseGone(store::Transaction& t, const std::string& front_end) {
  SR_CHECK(t.Execute("UPDATE audit_segments SET closed = 1 WHERE front_end = $1 AND closed = 0", {Text(front_end)}));
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
