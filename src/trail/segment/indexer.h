#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "trail/keeping/rows.h"
#include "trail/record/facts.h"
#include "trail/segment/format.h"

namespace strongroom::trail {

/// What records are found by; attribute and value are empty for "any record of the account and Region".
struct IndexKey {
  std::string account, region, attribute, value;
  auto operator<=>(const IndexKey&) const = default;
};
/// All keys of one record. Source: CloudTrail API Reference, "LookupAttribute"; EventId is not among them, since an
/// event's id tells its time.
std::vector<IndexKey> KeysOf(const Facts& facts);
/// Whether a record with these facts has this value.
bool Matches(const Facts& facts, std::string_view attribute, std::string_view value);

/// One bit for each block, the first block in the lowest bit of the first byte.
bool HasBlock(ByteView bits, std::size_t block) noexcept;

/// Cuts one segment's entries into blocks and notes what is in them, as far as they have been fed.
/// Threads   one.
class Indexer {
 public:
  explicit Indexer(SegmentHeader header);

  /// Takes whole entries, which must follow what was fed before. Errors: kCorrupted.
  Status Feed(std::string_view entries);

  struct Block {
    std::int64_t number = 0;
    std::string packed;
  };
  /// What the store does not have yet of all that was fed: the blocks that are new or have grown, and the rows of the
  /// index that have changed. Then nothing is new any more.
  struct Changes {
    SegmentRow segment;
    std::vector<Block> blocks;
    std::vector<IndexRow> index;
  };
  Changes Take();
  bool has_changes() const noexcept { return changed_; }
  const SegmentHeader& header() const noexcept { return header_; }
  std::int64_t records() const noexcept { return records_; }

 private:
  struct Value {
    std::int64_t first = 0, last = 0;
    Bytes blocks;
    bool changed = false;
  };
  void CloseBlock();
  void NoteBlock();

  SegmentHeader header_;
  ChainHash last_;
  std::int64_t records_ = 0;
  Directory directory_;  // the open block is the last
  std::string open_;     // its entries
  std::set<std::string, std::less<>> open_facts_;
  std::string last_facts_;
  std::map<IndexKey, Value> index_;
  std::vector<Block> closed_;
  bool changed_ = false;
};

}  // namespace strongroom::trail
