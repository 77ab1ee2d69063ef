#include "archive/extent_rows.h"

#include <cstring>

namespace strongroom::archive {
namespace {

constexpr std::size_t kRowBytes = 40;
constexpr std::size_t kGroupBytes = sizeof(ExtentRows::Group);

/// Numbers with their highest byte first, so that the order of bytes is that of the numbers.
std::array<std::uint8_t, kRowBytes> Pack(const ExtentRow& row) {
  std::array<std::uint8_t, kRowBytes> packed;
  std::uint8_t* at = packed.data();
  for (const std::uint64_t number : {row.object, row.object_offset, row.entry, row.file_offset, row.length}) {
    const std::uint64_t big = __builtin_bswap64(number);
    std::memcpy(at, &big, sizeof big);
    at += sizeof big;
  }
  return packed;
}

ExtentRow Unpack(ByteView packed) {
  const auto number = [&](std::size_t i) {
    std::uint64_t big = 0;
    std::memcpy(&big, packed.data() + 8 * i, sizeof big);
    return __builtin_bswap64(big);
  };
  return {.object = number(0),
          .object_offset = number(1),
          .file_offset = number(3),
          .length = number(4),
          .entry = number(2)};
}

}  // namespace

Result<ExtentRows> ExtentRows::Make() {
  ExtentRows rows;
  rows.sorter_.emplace();
  for (auto* made : {&rows.rows_, &rows.group_rows_}) {
    SR_TRY(Spool spool, Spool::Make());
    *made = std::make_unique<Spool>(std::move(spool));
  }
  return rows;
}

Status ExtentRows::Add(const ExtentRow& row) { return sorter_->Add(Pack(row)); }

Status ExtentRows::Keep(const Group& group) {
  ++groups_;
  const auto kept = group_rows_->Append({reinterpret_cast<const std::uint8_t*>(&group), kGroupBytes});
  if (!kept.ok()) return kept.error();
  return {};
}

Status ExtentRows::Sort() {
  SR_CHECK(sorter_->Sort());
  std::optional<Group> group;
  for (std::uint64_t i = 0;; ++i) {
    SR_TRY(const auto packed, sorter_->Next());
    if (!packed) break;
    const ExtentRow row = Unpack(*packed);
    if (group && group->object != row.object) SR_CHECK(Keep(*std::exchange(group, std::nullopt)));
    if (!group) group = Group{row.object, i, i};
    group->end = i + 1;
    SR_CHECK(rows_->Append(*packed));
  }
  if (group) SR_CHECK(Keep(*group));
  sorter_.reset();
  SR_CHECK(rows_->Flush());
  return group_rows_->Flush();
}

Result<ExtentRows::Group> ExtentRows::GroupAt(std::uint64_t number) const {
  Group group;
  SR_CHECK(group_rows_->ReadAt(number * kGroupBytes, {reinterpret_cast<std::uint8_t*>(&group), kGroupBytes}));
  return group;
}

Status ExtentRows::ForEach(const Group& group, const std::function<Status(const ExtentRow&)>& visit) const {
  SpoolCursor cursor(*rows_, group.begin * kRowBytes, group.end * kRowBytes, 64 << 10);
  for (std::uint64_t i = group.begin; i < group.end; ++i) {
    SR_TRY(const ByteView packed, cursor.Take(kRowBytes));
    SR_CHECK(visit(Unpack(packed)));
  }
  return {};
}

}  // namespace strongroom::archive
