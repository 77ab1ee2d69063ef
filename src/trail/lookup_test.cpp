#include "trail/lookup.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "store/testing/engines.h"
#include "trail/record/facts.h"
#include "trail/testing/made_records.h"

namespace strongroom::trail {
namespace {

using testing::Made;

constexpr std::int64_t kStart = 1'800'000'000'000;

/// Two front ends, of which the second is 500 ms later; 300 records each, a second apart, in segments of 100.
class LookupTest : public store::testing::EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    ASSERT_NE(database_, nullptr);
    for (const auto& [name, offset] : {std::pair("one", 0), std::pair("two", 500)}) {
      testing::StoreFiller filler(*database_, name);
      for (int i = 0; i < 300; ++i) {
        Made made{.millis = kStart + 1000 * i + offset};
        if (i % 50 == 7) {
          made.name = "CreateKey";
          made.read_only = false;
          made.key = "made-" + std::to_string(i);
        }
        if (i % 3 == 0) made.access_key = "AKIATHIRD00000000000";
        if (i == 123) made.account = "444455556666";
        if (i == 124) made.region = "us-east-1";
        filler.Add(made);
        if (i % 100 == 99) {
          ASSERT_TRUE(filler.Close().ok());
        }
      }
    }
  }
  LookupQuery Ask(std::string attribute = "", std::string value = "") const {
    LookupQuery query{.account = "111122223333", .region = "eu-central-1"};
    query.attribute = std::move(attribute);
    query.value = std::move(value);
    query.end_millis = std::numeric_limits<std::int64_t>::max();
    return query;
  }
  LookupPage Find(const LookupQuery& query) {
    auto page = database_->Read([&](store::Transaction& t) { return Lookup(t, query); });
    EXPECT_TRUE(page.ok()) << page.error();
    return page.ok() ? *page : LookupPage();
  }
  /// All pages of `size`; each must be newest first, and follow the one before.
  std::vector<LookupEvent> All(LookupQuery query, std::size_t size) {
    query.most = size;
    std::vector<LookupEvent> all;
    do {
      LookupPage page = Find(query);
      EXPECT_LE(page.events.size(), size);
      for (LookupEvent& event : page.events) {
        if (!all.empty()) {
          EXPECT_LE(event.millis, all.back().millis);
        }
        all.push_back(std::move(event));
      }
      query.token = page.next_token;
    } while (!query.token.empty());
    return all;
  }
};

TEST_P(LookupTest, EveryAttributeFindsWhatHasItAndNothingElse) {
  const struct {
    std::string attribute, value;
    std::size_t count;
  } rows[] = {
      {"", "", 596},
      {"EventName", "CreateKey", 12},
      {"EventName", "Createkey", 0},
      {"EventSource", "kms.amazonaws.com", 596},
      {"EventSource", "sts.amazonaws.com", 0},
      {"ReadOnly", "false", 12},
      {"ReadOnly", "true", 584},
      {"AccessKeyId", "AKIATHIRD00000000000", 198},
      {"ResourceType", "AWS::KMS::Key", 596},
      {"ResourceName", "arn:aws:kms:eu-central-1:111122223333:key/made-57", 2},
      {"ResourceName", "arn:aws:kms:eu-central-1:444455556666:key/k1", 0},
      {"Username", "root", 0},
  };
  for (const auto& row : rows)
    EXPECT_EQ(All(Ask(row.attribute, row.value), 50).size(), row.count) << row.attribute << row.value;
}

TEST_P(LookupTest, PagesOfAnySizeGiveTheSame) {
  const auto want = All(Ask("ReadOnly", "true"), 50);
  for (const std::size_t size : {1U, 7U, 49U, 1000U}) {
    const auto got = All(Ask("ReadOnly", "true"), size);
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i].json, want[i].json) << i;
  }
}

TEST_P(LookupTest, ARangeOfTimeIsKept) {
  LookupQuery query = Ask();
  query.start_millis = kStart + 10'000;
  query.end_millis = kStart + 20'000;
  const auto found = All(query, 50);
  ASSERT_EQ(found.size(), 21U);  // 10.0, 10.5, … 20.0
  EXPECT_EQ(found.front().millis, query.end_millis);
  EXPECT_EQ(found.back().millis, query.start_millis);
}

TEST_P(LookupTest, AnEventIsFoundByItsId) {
  const auto all = All(Ask("EventName", "CreateKey"), 50);
  ASSERT_FALSE(all.empty());
  for (const LookupEvent& one : all) {
    const auto page = Find(Ask("EventId", std::string(EventIdIn(one.json))));
    ASSERT_EQ(page.events.size(), 1U);
    EXPECT_EQ(page.events[0].json, one.json);
  }
  EXPECT_TRUE(Find(Ask("EventId", NewEventId(kStart + 5000))).events.empty());
  EXPECT_TRUE(Find(Ask("EventId", "nonsense")).events.empty());
}

TEST_P(LookupTest, AnotherAccountOrRegionHasItsOwn) {
  LookupQuery query = Ask();
  query.account = "444455556666";
  EXPECT_EQ(All(query, 50).size(), 2U);
  query = Ask();
  query.region = "us-east-1";
  EXPECT_EQ(All(query, 50).size(), 2U);
  query.account = "777788889999";
  EXPECT_TRUE(All(query, 50).empty());
}

/// Two loops' groups stand one behind the other, each with the same second: records are found in the order of time.
TEST_P(LookupTest, WhatSeveralThreadsHaveWrittenAtOnceIsInTheOrderOfTime) {
  testing::StoreFiller filler(*database_, "three");
  constexpr int kEach = 1500, kRounds = 3;
  std::size_t expected = 0;
  for (int round = 0; round < kRounds; ++round) {
    for (int thread = 0; thread < 2; ++thread) {
      for (int i = 0; i < kEach; ++i) {
        filler.Add({.millis = kStart + round * kEach + i,
                    .key = "key-" + std::to_string(round * kEach + i) + "-" + std::to_string(thread),
                    .region = "us-west-2"});
        ++expected;
      }
      filler.EndGroup();
    }
  }
  ASSERT_TRUE(filler.Close().ok());
  LookupQuery query = Ask();
  query.region = "us-west-2";
  const auto all = All(query, 50);
  ASSERT_EQ(all.size(), expected);
  std::set<std::string> keys;
  for (const LookupEvent& one : all) keys.insert(one.resources.at(0).second);
  EXPECT_EQ(keys.size(), expected);
  query.start_millis = query.end_millis = kStart + kEach + 7;
  EXPECT_EQ(All(query, 1).size(), 2U);
}

TEST_P(LookupTest, ATokenIsOfOneQuery) {
  LookupQuery query = Ask("ReadOnly", "true");
  query.most = 5;
  const std::string token = Find(query).next_token;
  ASSERT_FALSE(token.empty());
  LookupQuery other = Ask("ReadOnly", "false");
  other.token = token;
  for (const std::string& wrong :
       {token, std::string("?"), token.substr(4), std::string(5000, 'A'), Base64(AsBytes("1|x"))}) {
    other.token = wrong;
    const auto page = database_->Read([&](store::Transaction& t) { return Lookup(t, other); });
    ASSERT_FALSE(page.ok()) << wrong;
    EXPECT_EQ(page.error().code(), Errc::kInvalidMarker);
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, LookupTest, store::testing::BothEngines(), store::testing::EngineName);

}  // namespace
}  // namespace strongroom::trail
