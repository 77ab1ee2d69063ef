#include "trail/keeping/digest.h"

#include <algorithm>
#include <boost/json.hpp>

#include "store/clock_guard.h"

namespace strongroom::trail {
namespace {

namespace json = boost::json;

Error DamagedDigest(std::string_view what) {
  return Error(Errc::kCorrupted, "A digest of the audit trail is damaged: " + std::string(what) + ".");
}

struct MemberReader {
  const json::object& object;
  bool ok = true;

  std::int64_t Int(std::string_view name) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr || !value->is_int64()) {
      ok = false;
      return 0;
    }
    return value->get_int64();
  }
  std::string Text(std::string_view name) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr || !value->is_string()) {
      ok = false;
      return {};
    }
    return std::string(value->get_string());
  }
};

}  // namespace

std::string Write(const Digest& digest) {
  json::array segments;
  for (const DigestedSegment& one : digest.segments) {
    segments.push_back({{"segment", one.number},
                        {"firstRecord", one.first_record},
                        {"records", one.records},
                        {"oldestMillis", one.first_millis},
                        {"newestMillis", one.last_millis},
                        {"lastHash", one.last_hash}});
  }
  const json::object body{{"version", 1},
                          {"frontEnd", digest.front_end},
                          {"digest", digest.number},
                          {"madeMillis", digest.made_at},
                          {"previousDigestHash", digest.previous_hash},
                          {"previousDigestSignature", digest.previous_signature},
                          {"signatureAlgorithm", "ECDSA_SHA_256"},
                          {"publicKeySha256", digest.public_key},
                          {"firstKeptSegment", digest.first_kept},
                          {"segments", std::move(segments)}};
  return json::serialize(body);
}

Result<Digest> ParseDigest(std::string_view body) {
  boost::system::error_code failed;
  const json::value parsed = json::parse(body, failed);
  if (failed || !parsed.is_object()) return DamagedDigest("it is not JSON");
  MemberReader in{parsed.get_object()};
  if (in.Int("version") != 1) return DamagedDigest("it is of another version");
  Digest digest;
  digest.front_end = in.Text("frontEnd");
  digest.number = in.Int("digest");
  digest.made_at = in.Int("madeMillis");
  digest.previous_hash = in.Text("previousDigestHash");
  digest.previous_signature = in.Text("previousDigestSignature");
  digest.public_key = in.Text("publicKeySha256");
  digest.first_kept = in.Int("firstKeptSegment");
  const json::value* segments = in.object.if_contains("segments");
  if (!in.ok || segments == nullptr || !segments->is_array()) return DamagedDigest("a member is missing");
  for (const json::value& one : segments->get_array()) {
    if (!one.is_object()) return DamagedDigest("a segment is no object");
    MemberReader row{one.get_object()};
    DigestedSegment segment;
    segment.number = row.Int("segment");
    segment.first_record = row.Int("firstRecord");
    segment.records = row.Int("records");
    segment.first_millis = row.Int("oldestMillis");
    segment.last_millis = row.Int("newestMillis");
    segment.last_hash = row.Text("lastHash");
    if (!row.ok) return DamagedDigest("a segment lacks a member");
    digest.segments.push_back(std::move(segment));
  }
  return digest;
}

Bytes SignedBytes(std::string_view body) {
  constexpr std::string_view kPurpose{"strongroom audit digest v1\0", 27};
  std::string text(kPurpose);
  text += body;
  return ToBytes(AsBytes(text));
}

std::string HashOfBody(std::string_view body) { return Hex(crypto::Sha256(AsBytes(body))); }

Result<std::optional<Digest>> NextDigest(store::Transaction& t, const DigestTerms& terms) {
  SR_TRY(const auto before, LoadLastDigest(t, terms.front_end));
  SR_TRY(const auto segments, LoadSegments(t, terms.front_end));
  Digest next{.front_end = terms.front_end, .made_at = terms.now_millis, .public_key = terms.public_key};
  std::int64_t named = 0;
  if (before) {
    SR_TRY(const Digest last, ParseDigest(before->body));
    next.number = before->number + 1;
    next.previous_hash = HashOfBody(before->body);
    next.previous_signature = Hex(before->signature);
    next.first_kept = last.first_kept;
    // A digest may name no segment: the last named one is then an earlier digest's.
    SR_TRY(const auto row, t.QueryOne("SELECT value FROM deployment WHERE name = $1",
                                      {store::Text("audit-digested " + terms.front_end)}));
    if (row) named = std::strtoll(std::string(AsText(row->Blob(0))).c_str(), nullptr, 10);
  }
  SR_TRY(const bool trusted, store::ClockIsTrusted(t));
  for (const SegmentRow& segment : segments) {
    const bool old = trusted && segment.closed && segment.number <= named &&
                     segment.last_millis < terms.now_millis - terms.keep_millis;
    if (old) next.first_kept = std::max(next.first_kept, segment.number + 1);
    if (segment.number <= named || !segment.closed) continue;
    next.segments.push_back({segment.number, segment.first_record, segment.records, segment.first_millis,
                             segment.last_millis, Hex(segment.last_hash)});
  }
  if (next.segments.empty() && !terms.due_anyway) return std::optional<Digest>();
  return std::optional<Digest>(std::move(next));
}

}  // namespace strongroom::trail
