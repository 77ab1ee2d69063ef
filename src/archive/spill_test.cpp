// What does not fit into memory: sorted, found again and numbered, with small budgets and large numbers.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "archive/object_table.h"
#include "archive/record_sorter.h"
#include "archive/temp_table.h"

namespace strongroom::archive {
namespace {

struct SortRow {
  std::string name;
  std::size_t budget, count;
  bool in_order;
};
class SorterTable : public testing::TestWithParam<SortRow> {};
TEST_P(SorterTable, AllComeInTheOrderOfTheirBytes) {
  std::mt19937_64 random(7);
  std::vector<std::string> all;
  for (std::size_t i = 0; i < GetParam().count; ++i) {
    std::string one(random() % 20, '\0');
    for (char& c : one) c = static_cast<char>(random() % 4 * 85);  // 0, 85, 170, 255: often alike
    all.push_back(std::move(one));
  }
  std::vector<std::string> sorted = all;
  std::sort(sorted.begin(), sorted.end());
  RecordSorter sorter(GetParam().budget);
  for (const std::string& one : GetParam().in_order ? sorted : all) ASSERT_TRUE(sorter.Add(AsBytes(one)).ok());
  EXPECT_EQ(sorter.size(), all.size());
  ASSERT_TRUE(sorter.Sort().ok());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    // In the middle what is left goes to disk, as a walk does with the names above it.
    if (i == sorted.size() / 2) {
      ASSERT_TRUE(sorter.PackAway(0).ok());
    }
    const auto next = sorter.Next();
    ASSERT_TRUE(next.ok() && *next) << i;
    ASSERT_EQ(AsText(**next), sorted[i]) << i;
  }
  const auto end = sorter.Next();
  ASSERT_TRUE(end.ok());
  EXPECT_FALSE(end->has_value());
}
INSTANTIATE_TEST_SUITE_P(Sizes, SorterTable,
                         testing::Values(SortRow{"Nothing", 1000, 0, false}, SortRow{"One", 1000, 1, false},
                                         SortRow{"InMemory", 1 << 20, 1000, false},
                                         SortRow{"TwoRuns", 40000, 1500, false},
                                         SortRow{"ManyRuns", 2000, 20000, false},
                                         SortRow{"ManyRunsInOrder", 2000, 20000, true},
                                         SortRow{"EachARun", 1, 300, false}),
                         [](const auto& info) { return info.param.name; });

TEST(TempTableTest, HoldsWhatAMapHolds) {
  std::mt19937_64 random(9);
  std::map<std::string, std::string> expected;
  TempTable table(64 << 10);  // far smaller than what goes in
  const auto key = [&] {
    std::string text(1 + random() % 3, '\0');
    for (char& c : text) c = static_cast<char>(random());
    return text;
  };
  for (int i = 0; i < 60000; ++i) {
    const std::string k = key();
    if (random() % 4 == 0) {
      ASSERT_TRUE(table.Erase(AsBytes(k)).ok());
      expected.erase(k);
    } else {
      const std::string value(random() % 100, static_cast<char>(i));
      ASSERT_TRUE(table.Put(AsBytes(k), AsBytes(value)).ok());
      expected[k] = value;
    }
  }
  EXPECT_EQ(table.size(), expected.size());
  auto at = expected.begin();
  const auto visited = table.ForEach([&](ByteView k, ByteView value) -> Status {
    EXPECT_EQ(AsText(k), at->first);
    EXPECT_EQ(AsText(value), at->second);
    ++at;
    return {};
  });
  EXPECT_TRUE(visited.ok());
  EXPECT_EQ(at, expected.end());
  for (int i = 0; i < 1000; ++i) {
    const std::string k = key();
    const auto found = table.Find(AsBytes(k));
    ASSERT_TRUE(found.ok());
    ASSERT_EQ(found->has_value(), expected.contains(k));
    if (*found) {
      EXPECT_EQ(AsText(**found), expected[k]);
    }
  }
  table.Clear();
  EXPECT_EQ(table.size(), 0u);
  EXPECT_FALSE(table.Find(AsBytes("x")).value().has_value());
}

TEST(TempTableTest, AnErrorOfTheVisitorEndsTheVisit) {
  TempTable table;
  for (const char* k : {"a", "b"}) ASSERT_TRUE(table.Put(AsBytes(k), {}).ok());
  int seen = 0;
  const auto visited = table.ForEach([&](ByteView, ByteView value) -> Status {
    EXPECT_TRUE(value.empty());
    ++seen;
    return Error(Errc::kCancelled, "enough");
  });
  EXPECT_FALSE(visited.ok());
  EXPECT_EQ(seen, 1);
  ASSERT_TRUE(table.Put(AsBytes("c"), {}).ok());
  EXPECT_EQ(table.size(), 3u);
}

TEST(ObjectTableTest, NumbersBeyondMemoryAreFoundAndChanged) {
  constexpr std::uint64_t kCount = 70000;  // 65,536 in memory
  const auto facts = [](std::uint64_t i) {
    ObjectFacts made{.name = fmt::format("{:032x}", i), .plaintext_bytes = i, .stored_bytes = i * 2};
    made.message_id.fill(static_cast<std::uint8_t>(i));
    made.data_key.fill(static_cast<std::uint8_t>(i >> 8));
    return made;
  };
  ObjectTable table;
  for (std::uint64_t i = 0; i < kCount; ++i) ASSERT_TRUE(table.Append(facts(i)).ok());
  for (const std::uint64_t i : {std::uint64_t{5}, kCount - 5}) ASSERT_TRUE(table.Set(i, facts(kCount + i)).ok());
  for (std::uint64_t i = 0; i < kCount; i += 5) {
    const ObjectFacts wanted = facts(i == 5 || i == kCount - 5 ? kCount + i : i);
    const auto found = table.At(i);
    ASSERT_TRUE(found.ok());
    ASSERT_EQ(found->name, wanted.name);
    ASSERT_EQ(found->message_id, wanted.message_id);
    ASSERT_EQ(found->data_key, wanted.data_key);
    ASSERT_EQ(found->plaintext_bytes, wanted.plaintext_bytes);
    ASSERT_EQ(found->stored_bytes, wanted.stored_bytes);
  }
  EXPECT_EQ(table.largest_plaintext_bytes(), 2 * kCount - 5);
  EXPECT_FALSE(table.At(kCount).ok());
}

}  // namespace
}  // namespace strongroom::archive
