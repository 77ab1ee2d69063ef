#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trail/keeping/rows.h"

namespace strongroom::trail {

/// What a digest says of one closed segment.
struct DigestedSegment {
  std::int64_t number = 0, first_record = 0, records = 0, first_millis = 0, last_millis = 0;
  std::string last_hash;  // hex
};

/// A signed statement about a front end's segments, as CloudTrail's digest files are: it names the segments closed
/// since the digest before, and that digest by its hash and signature.
struct Digest {
  std::string front_end;
  std::int64_t number = 1;
  std::int64_t made_at = 0;
  std::string previous_hash, previous_signature;  // hex; empty in the first
  std::string public_key;                         // SHA-256 of the SubjectPublicKeyInfo, hex
  /// Segments before this one are past their retention and may be gone.
  std::int64_t first_kept = 1;
  std::vector<DigestedSegment> segments;
};

/// The digest's body: JSON, members in a fixed order (docs/formats.md).
std::string Write(const Digest& digest);
/// Errors: kCorrupted.
Result<Digest> ParseDigest(std::string_view body);
/// What is signed: `"strongroom audit digest v1\0" | body`.
Bytes SignedBytes(std::string_view body);
/// As the next digest names this one.
std::string HashOfBody(std::string_view body);

/// The next digest of a front end: its closed segments that no digest names. Null when there is none and it is not
/// `due_anyway`. Errors: kCorrupted; the store's.
struct DigestTerms {
  std::string front_end, public_key;
  std::int64_t now_millis = 0;
  std::int64_t keep_millis = 0;  // how long segments are kept
  bool due_anyway = false;
};
Result<std::optional<Digest>> NextDigest(store::Transaction& t, const DigestTerms& terms);

}  // namespace strongroom::trail
