#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "store/database.h"

namespace strongroom::trail {

struct VerifyOptions {
  /// This machine's trail, for what is not in the store yet. Empty: look at the store only.
  std::filesystem::path directory;
  /// The digest key's public half (DER), from where nobody who writes the store can change it. Empty: signatures are
  /// checked against the store's own copy, and a note says so.
  Bytes public_key;
};

struct VerifyReport {
  std::int64_t front_ends = 0, segments = 0, records = 0, digests = 0;
  std::vector<std::string> problems;  // each says which front end, segment, record or digest
  std::vector<std::string> notes;     // what could not be checked
};

/// Checks the whole trail of all front ends: every group of records against the one before, every segment against the
/// digest that names it, every digest against the one before and its signature, and that none is missing. Errors    the
/// store's and the disk's; what is wrong with the trail is in the report.
Result<VerifyReport> Verify(store::Database& database, const VerifyOptions& options);

/// Hands out every record that the store has from `start` to `end` (milliseconds), front end by front end, in the order
/// in which they were written (those of one thread oldest first), until `take` fails. Errors: the store's; kCorrupted;
/// `take`'s own.
Status ForEachRecord(store::Database& database, std::int64_t start_millis, std::int64_t end_millis,
                     const std::function<Status(std::string_view json)>& take);

}  // namespace strongroom::trail
