#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/database.h"
#include "trail/segment/format.h"

namespace strongroom::trail {

// The tables of schema/0012_audit.sql.

/// First and last time of each block, oldest block first.
using Directory = std::vector<std::pair<std::int64_t, std::int64_t>>;
Bytes Encode(const Directory& directory);
Result<Directory> ParseDirectory(ByteView bytes);

struct SegmentRow {
  std::string front_end;
  std::int64_t number = 0;
  Bytes header;
  std::int64_t first_record = 0, records = 0, first_millis = 0, last_millis = 0;
  ChainHash last_hash{};
  bool closed = false;
  Bytes directory;
};
Status PutSegment(store::Transaction& t, const SegmentRow& row);
Result<std::vector<SegmentRow>> LoadSegments(store::Transaction& t, const std::string& front_end);
Result<std::optional<SegmentRow>> LoadSegment(store::Transaction& t, const std::string& front_end, std::int64_t number);
/// The newest one.
Result<std::optional<SegmentRow>> LoadLastSegment(store::Transaction& t, const std::string& front_end);
/// With its blocks and its index.
Status RemoveSegment(store::Transaction& t, const std::string& front_end, std::int64_t number);
/// Names of all front ends that have segments or digests.
Result<std::vector<std::string>> LoadFrontEnds(store::Transaction& t);

Status PutBlock(store::Transaction& t, const std::string& front_end, std::int64_t number, std::int64_t block,
                std::string_view packed);
Result<std::optional<Bytes>> LoadBlock(store::Transaction& t, const std::string& front_end, std::int64_t number,
                                       std::int64_t block);

struct IndexRow {
  std::string account, region, attribute, value, front_end;
  std::int64_t number = 0, first_millis = 0, last_millis = 0;
  Bytes blocks;
};
Status PutIndex(store::Transaction& t, const IndexRow& row);
/// One value's rows that may have something from `start` to `end`, newest first, at most `limit`, after `skip` others.
struct IndexQuery {
  std::string account, region, attribute, value;
  std::int64_t start_millis = 0, end_millis = 0;
};
Result<std::vector<IndexRow>> FindIndex(store::Transaction& t, const IndexQuery& query, std::int64_t limit,
                                        std::int64_t skip);

struct DigestRow {
  std::string front_end;
  std::int64_t number = 0, made_at = 0;
  std::string body;
  Bytes signature;
};
Status InsertDigest(store::Transaction& t, const DigestRow& row);
Result<std::optional<DigestRow>> LoadLastDigest(store::Transaction& t, const std::string& front_end);
Result<std::vector<DigestRow>> LoadDigests(store::Transaction& t, const std::string& front_end);

}  // namespace strongroom::trail
