#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/database.h"

namespace strongroom::trail {

/// What LookupEvents asks for.
struct LookupQuery {
  std::string account, region;
  std::string attribute, value;  // empty: any record
  std::int64_t start_millis = 0, end_millis = 0;
  std::size_t most = 50;
  std::string token;  // of the page before; empty: the first page
};

struct LookupEvent {
  std::int64_t millis = 0;
  std::string json;
  bool read_only = false;
  std::string name, source, user, access_key;
  std::vector<std::pair<std::string, std::string>> resources;  // type and name
};

struct LookupPage {
  std::vector<LookupEvent> events;  // newest first
  std::string next_token;           // empty: there are no more
};

/// Finds records by the index that the shippers of all front ends keep.
///
/// Cost      a page opens as many blocks as it has events at most (and one more per segment that is due), however many
///           records there are.
/// Errors    kInvalidMarker  the token is not of this query; kCorrupted  a block does not read; the store's.
/// Source    CloudTrail API Reference, "LookupEvents".
Result<LookupPage> Lookup(store::Transaction& t, const LookupQuery& query);

}  // namespace strongroom::trail
