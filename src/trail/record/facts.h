#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace strongroom::trail {

/// What a record can be looked up by, beside its time and its id. Views.
struct Facts {
  struct Resource {
    std::string_view type, name;  // "AWS::KMS::Key" and its ARN
    bool operator==(const Resource&) const = default;
  };
  bool read_only = false;
  std::string_view account, region, source, name, user, access_key;
  std::vector<Resource> resources;
  bool operator==(const Facts&) const = default;
};

/// Longest text of a fact; longer ones are cut, so that nobody's input makes a row of the index large.
inline constexpr std::size_t kLongestFact = 2048;
/// Longest list of resources that a record has.
inline constexpr std::size_t kMostResources = 255;

/// What calls of one kind have in common: `u8 1 when read-only | account, region, source, name, user, access key`, each
/// text as `u16 n | n bytes` (docs/formats.md). Resources are each record's own.
void AppendFacts(const Facts& facts, std::string& out);
/// Views into `encoded`; without resources. Errors: kCorrupted.
Result<Facts> ParseFacts(std::string_view encoded);
/// The same out of a record's JSON, for a check that the two say the same. Texts are put into `texts`, which must
/// outlive the answer. Errors: kCorrupted.
Result<Facts> FactsOfJson(std::string_view json, std::vector<std::string>& texts);

/// "AWS::KMS::Key" for "arn:aws:kms:…:key/…" and so on; empty for what has no type of its own.
std::string_view ResourceType(std::string_view arn) noexcept;
/// The account in an ARN; empty when it names none.
std::string_view AccountOf(std::string_view arn) noexcept;

/// A UUID of version 7 (RFC 9562), as event ids are: it begins with the time, so that the event is found by it.
std::string NewEventId(std::int64_t millis);
/// The event id in a record's JSON, which stands behind everything that a caller can name a member of; empty: none.
std::string_view EventIdIn(std::string_view json) noexcept;
/// The time in it; none for what is not such a UUID.
std::optional<std::int64_t> MillisOfEventId(std::string_view id) noexcept;

}  // namespace strongroom::trail
