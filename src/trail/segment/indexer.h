#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "trail/keeping/rows.h"
#include "trail/record/facts.h"
#include "trail/segment/format.h"

namespace strongroom::trail {

/// What records are found by; attribute and value are empty for "any record of the account and Region".
/// Source: CloudTrail API Reference, "LookupAttribute"; EventId is not among the attributes, since an event's id tells
/// its time.
struct IndexKey {
  std::string account, region, attribute, value;
};
/// Whether a record with these facts has this value.
bool Matches(const Facts& facts, std::string_view attribute, std::string_view value);

/// One bit for each block, the first block in the lowest bit of the first byte.
bool HasBlock(ByteView bits, std::size_t block) noexcept;

/// Cuts one segment's groups into blocks and notes what is in them, as far as they have been fed.
/// Threads   one.
class Indexer {
 public:
  explicit Indexer(SegmentHeader header);

  /// Takes whole groups, which must follow what was fed before. Errors: kCorrupted.
  Status Feed(std::string_view groups);

  struct Block {
    std::int64_t number = 0;
    std::string packed;
  };
  /// What the store does not have yet of all that was fed: the blocks that are new or have grown, and the rows of the
  /// index that have changed, of resources' names those `most_names` that have waited the longest: there may be as many
  /// names as records, and one name's row changes with each block. All that is taken is not new any more.
  struct Changes {
    SegmentRow segment;
    std::vector<Block> blocks;
    std::vector<IndexRow> index;
  };
  Changes Take(std::size_t most_names = static_cast<std::size_t>(-1));
  /// Names whose rows wait.
  std::size_t waiting_names() const noexcept { return waiting_.size(); }
  bool has_changes() const noexcept { return changed_; }
  const SegmentHeader& header() const noexcept { return header_; }
  std::int64_t records() const noexcept { return records_; }

 private:
  struct Value {
    std::int64_t first = 0, last = 0;
    Bytes blocks;
    bool changed = false;
  };
  using Key = std::array<std::string_view, 4>;  // account, region, attribute, value
  struct Less {
    using is_transparent = void;
    static Key Of(const IndexKey& key) { return {key.account, key.region, key.attribute, key.value}; }
    bool operator()(const IndexKey& a, const IndexKey& b) const { return Of(a) < Of(b); }
    bool operator()(const IndexKey& a, const Key& b) const { return Of(a) < b; }
    bool operator()(const Key& a, const IndexKey& b) const { return a < Of(b); }
  };
  Status Note(const Group& group);
  void NoteKey(const Facts& facts, std::string_view attribute, std::string_view value);
  void CloseBlock();

  SegmentHeader header_;
  ChainHash last_;
  std::int64_t records_ = 0;
  Directory directory_;                             // the open block is the last
  std::string open_;                                // its groups
  std::pair<std::int64_t, std::int64_t> span_;      // first and last time of the group that is being noted
  std::vector<std::array<std::uint32_t, 3>> seen_;  // facts, type and name in it; 1 more than the number, 0 for none
  using Index = std::map<IndexKey, Value, Less>;
  Index index_;
  std::vector<Index::iterator> changed_rows_;  // of all attributes but names
  std::deque<Index::iterator> waiting_;        // of names
  std::vector<Block> closed_;
  bool changed_ = false;
};

}  // namespace strongroom::trail
