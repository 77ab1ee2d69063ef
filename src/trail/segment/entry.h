#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trail/record/facts.h"
#include "trail/segment/format.h"

namespace strongroom::trail {

/// What an item of a group is.
enum class ItemKind : std::uint8_t { kText = 1, kRecord = 2 };

/// One record in a group. Numbers are those of the group's texts; views into the group.
struct Entry {
  std::int64_t millis = 0;
  std::uint32_t facts = 0;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> resources;  // type and name
  std::string_view pieces;
};

/// Goes through a group's records.
class EntryReader {
 public:
  explicit EntryReader(const Group& group) : in_(group.items), base_millis_(group.millis) {}
  /// False at the end. Errors: kCorrupted.
  Result<bool> Next(Entry& entry);

  std::string_view Text(std::uint32_t number) const { return texts_[number]; }
  std::size_t texts() const noexcept { return texts_.size(); }
  /// What the entry is found by. Errors: kCorrupted.
  Result<Facts> FactsOf(const Entry& entry) const;
  /// The record as CloudTrail writes it. Errors: kCorrupted, also for what would be longer than kLongestJson.
  Result<std::string> JsonOf(const Entry& entry) const;

 private:
  std::string_view in_;
  std::int64_t base_millis_;
  std::vector<std::string_view> texts_;
};

}  // namespace strongroom::trail
