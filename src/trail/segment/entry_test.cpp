#include "trail/segment/entry.h"

#include <gtest/gtest.h>

#include "trail/segment/group.h"
#include "trail/testing/made_records.h"

namespace strongroom::trail {
namespace {

std::string Sample() {
  Recorder recorder;
  for (int i = 0; i < 3; ++i)
    testing::Record({.millis = 1'800'000'000'000 + i * 10, .key = "k" + std::to_string(i)}, recorder);
  return recorder.groups().Take({});
}

/// Reads everything that there is; how many records there were.
int ReadAll(std::string_view bytes) {
  int records = 0;
  GroupReader groups(bytes);
  Group group;
  for (auto there = groups.Next(group); there.ok() && *there; there = groups.Next(group)) {
    EntryReader reader(group);
    Entry entry;
    for (auto more = reader.Next(entry); more.ok() && *more; more = reader.Next(entry)) {
      records += reader.FactsOf(entry).ok() && reader.JsonOf(entry).ok() ? 1 : 0;
    }
  }
  return records;
}

TEST(Entry, OfDamagedBytesIsRefusedAndNothingElseHappens) {
  const std::string good = Sample();
  ASSERT_EQ(ReadAll(good), 3);
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_EQ(ReadAll(std::string_view(good).substr(0, size)), 0);
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ flip);
      EXPECT_LE(ReadAll(bad), 300) << at;  // a byte of what it was made of makes no end of records
    }
  }
}

/// A group of these items.
std::string GroupOf(const std::string& items) {
  std::string body(sizeof(ChainHash), '\0');
  AppendNumber(1'800'000'000'000, 8, body);
  AppendNumber(1, 4, body);
  body += items;
  std::string group;
  AppendNumber(body.size(), 4, group);
  return group + body;
}
std::string Item(ItemKind kind, const std::string& content) {
  return std::string{static_cast<char>(kind), static_cast<char>(content.size())} + content;
}

struct Row {
  std::string name, items;
  bool entry, json;  // whether they read
};
class EntryTable : public ::testing::TestWithParam<Row> {};
TEST_P(EntryTable, ReadsOrIsRefused) {
  const std::string bytes = GroupOf(GetParam().items);
  GroupReader groups(bytes);
  Group group;
  ASSERT_TRUE(*groups.Next(group));
  EntryReader reader(group);
  Entry entry;
  const auto there = reader.Next(entry);
  ASSERT_EQ(there.ok() && *there, GetParam().entry);
  if (!GetParam().entry) return;
  EXPECT_EQ(reader.JsonOf(entry).ok(), GetParam().json);
}
const std::string kText = Item(ItemKind::kText, "abc");
std::string Record(const std::string& pieces) { return kText + Item(ItemKind::kRecord, std::string(3, '\0') + pieces); }
INSTANTIATE_TEST_SUITE_P(
    Rows, EntryTable,
    ::testing::Values(
        Row{"Text", Record(std::string(1, '\0')), true, true},
        Row{"TextThatIsNotThere", Record(std::string(1, '\x08')), true, false},
        Row{"LiteralPastTheEnd", Record("\x19xx"), true, false}, Row{"Literal", Record("\x19xxx"), true, true},
        Row{"Time", Record("\x02"), true, true}, Row{"UuidPastTheEnd", Record("\x03xxxxxxxxxxxxxxx"), true, false},
        Row{"Uuid", Record("\x03xxxxxxxxxxxxxxxx"), true, true}, Row{"EventIdWithoutUuid", Record("\x04"), true, false},
        Row{"EventId", Record("\x03xxxxxxxxxxxxxxxx\x04"), true, true},
        Row{"UnknownPiece", Record("\x07"), true, false},
        Row{"EndlessNumber", Record(std::string(11, '\xff')), true, false},
        Row{"FactsThatAreNotThere", Item(ItemKind::kRecord, std::string(3, '\0')), false, false},
        Row{"ResourceThatIsNotThere", kText + Item(ItemKind::kRecord, std::string("\0\0\x01\0\x05", 5)), false, false},
        Row{"UnknownItem", "\x03\x01x", false, false}, Row{"ItemPastTheEnd", "\x01\x7fx", false, false},
        Row{"NothingElse", kText, false, false}),
    [](const auto& info) { return info.param.name; });

TEST(Entry, ThatWouldBecomeEndlessIsRefused) {
  // A kilobyte named a hundred thousand times.
  std::string items{static_cast<char>(ItemKind::kText), '\xff', '\x07'};
  items += std::string(1023, 'x');
  const std::string pieces(100'000, '\0');
  items += static_cast<char>(ItemKind::kRecord);
  for (std::size_t size = pieces.size() + 3; size > 0; size >>= 7)
    items += static_cast<char>((size & 0x7f) | (size >= 0x80 ? 0x80 : 0));
  items += std::string(3, '\0') + pieces;
  const std::string bytes = GroupOf(items);
  GroupReader groups(bytes);
  Group group;
  ASSERT_TRUE(*groups.Next(group));
  EntryReader reader(group);
  Entry entry;
  ASSERT_TRUE(*reader.Next(entry));
  const auto json = reader.JsonOf(entry);
  ASSERT_FALSE(json.ok());
  EXPECT_EQ(json.error().code(), Errc::kCorrupted);
}

}  // namespace
}  // namespace strongroom::trail
