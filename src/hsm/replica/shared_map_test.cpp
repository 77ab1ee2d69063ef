#include "hsm/replica/shared_map.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace strongroom::hsm::replica {
namespace {

using Shared = SharedMap<int, std::string>;
using Plain = std::map<int, std::string>;

void ExpectSame(const Shared& shared, const Plain& plain) {
  ASSERT_EQ(shared.size(), plain.size());
  EXPECT_EQ(shared.empty(), plain.empty());
  auto at = plain.begin();
  for (const auto& [key, value] : shared) {
    ASSERT_NE(at, plain.end());
    EXPECT_EQ(key, at->first);
    EXPECT_EQ(value, at->second);
    ++at;
  }
  EXPECT_EQ(at, plain.end());
}

struct Row {
  std::string name;
  unsigned seed;
  int keys, changes, erased_percent;
  bool in_order;
};

class AgainstAMap : public ::testing::TestWithParam<Row> {};

TEST_P(AgainstAMap, HoldsTheSameAndCopiesStayAsTheyWere) {
  const Row& row = GetParam();
  std::mt19937 random(row.seed);
  Shared shared;
  Plain plain;
  std::vector<std::pair<Shared, Plain>> copies;
  for (int i = 0; i < row.changes; ++i) {
    const int key = row.in_order ? i : static_cast<int>(random() % static_cast<unsigned>(row.keys));
    if (static_cast<int>(random() % 100) < row.erased_percent) {
      EXPECT_EQ(shared.erase(key), plain.erase(key));
    } else {
      const std::string value = std::to_string(random());
      shared.Put(key, value);
      plain[key] = value;
    }
    if (i % 97 == 0) copies.emplace_back(shared, plain);
    const int asked = static_cast<int>(random() % static_cast<unsigned>(row.keys + 2)) - 1;
    ASSERT_EQ(shared.contains(asked), plain.contains(asked));
    const auto lower = shared.lower_bound(asked);
    const auto plain_lower = plain.lower_bound(asked);
    ASSERT_EQ(lower == shared.end(), plain_lower == plain.end());
    ASSERT_TRUE(lower == shared.end() || lower->first == plain_lower->first);
    const auto upper = shared.upper_bound(asked);
    const auto plain_upper = plain.upper_bound(asked);
    ASSERT_EQ(upper == shared.end(), plain_upper == plain.end());
    ASSERT_TRUE(upper == shared.end() || upper->first == plain_upper->first);
    const auto found = shared.find(asked);
    ASSERT_TRUE(found == shared.end() || found->second == plain.at(asked));
  }
  ExpectSame(shared, plain);
  for (const auto& [copy, as_it_was] : copies) ExpectSame(copy, as_it_was);
}

INSTANTIATE_TEST_SUITE_P(SharedMap, AgainstAMap,
                         ::testing::Values(Row{"Growing", 1, 100'000, 5'000, 0, true},
                                           Row{"Mixed", 2, 2'000, 10'000, 40, false},
                                           Row{"Dense", 3, 70, 5'000, 50, false},
                                           Row{"Shrinking", 4, 300, 5'000, 70, false},
                                           Row{"One", 5, 1, 500, 50, false}),
                         [](const auto& tested) { return tested.param.name; });

// What makes a copy cheap.
TEST(SharedMap, ACopySharesWhatIsNotChanged) {
  Shared shared;
  for (int key = 0; key < 1'000; ++key) shared.Put(key, std::to_string(key));
  Shared copy = shared;
  copy.Put(500, "changed");
  int same = 0;
  for (int key = 0; key < 1'000; ++key) same += &shared.find(key)->second == &copy.find(key)->second;
  EXPECT_EQ(same, 1'000 - static_cast<int>(Shared::kMostInChunk));
  EXPECT_EQ(shared.find(500)->second, "500");
  EXPECT_EQ(copy.find(500)->second, "changed");
}

}  // namespace
}  // namespace strongroom::hsm::replica
