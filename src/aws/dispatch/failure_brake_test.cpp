#include "aws/dispatch/failure_brake.h"

#include <gtest/gtest.h>

namespace strongroom::aws {
namespace {
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Row {
  std::string name, address, source;
};
class Sources : public ::testing::TestWithParam<Row> {};
TEST_P(Sources, AreCountedAsTheRowSays) { EXPECT_EQ(SourceOf(GetParam().address), GetParam().source); }
INSTANTIATE_TEST_SUITE_P(FailureBrake, Sources,
                         ::testing::Values(Row{"V4", "192.0.2.7", "192.0.2.7"},
                                           Row{"V6ByItsNetwork", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
                                           Row{"NoAddress", "somewhere", "somewhere"}, Row{"Empty", "", ""}),
                         [](const auto& row) { return row.param.name; });

TEST(FailureBrake, HoldsTheFirstFailureAndDoublesUpToTheLongest) {
  FailureBrake brake({});
  const FailureBrake::Time now{};
  EXPECT_EQ(brake.Failed("a", now).hold, milliseconds(20));
  for (int i = 0; i < 8; ++i) EXPECT_EQ(brake.Failed("a", now).hold, milliseconds(20));
  EXPECT_EQ(brake.Failed("a", now).hold, milliseconds(40));
  for (int i = 0; i < 200; ++i) EXPECT_FALSE(brake.Failed("a", now).too_many);
  EXPECT_EQ(brake.Failed("a", now).hold, milliseconds(1'000));
  EXPECT_EQ(brake.Failed("b", now).hold, milliseconds(20)) << "another address";
}

TEST(FailureBrake, TellsAnAddressThatItIsTooMuchAndForgivesBySeconds) {
  FailureBrake brake({});
  const FailureBrake::Time now{};
  for (int i = 0; i < 300; ++i) {
    EXPECT_FALSE(brake.Exhausted("a", now)) << i;
    EXPECT_FALSE(brake.Failed("a", now).too_many) << i;
  }
  EXPECT_TRUE(brake.Exhausted("a", now));
  EXPECT_FALSE(brake.Exhausted("b", now));
  EXPECT_FALSE(brake.Exhausted("a", now + seconds(1)));
  EXPECT_TRUE(brake.Failed("a", now).too_many);
  EXPECT_FALSE(brake.Failed("a", now + seconds(2)).too_many);
  EXPECT_EQ(brake.Failed("a", now + seconds(400)).hold, milliseconds(20));
}

TEST(FailureBrake, KeepsABoundedNumberOfSources) {
  FailureBrake brake({});
  const FailureBrake::Time now{};
  for (std::size_t i = 0; i < FailureBrake::kMostSources + 10; ++i) brake.Failed(std::to_string(i), now);
  EXPECT_LE(brake.sources(), FailureBrake::kMostSources);
}

TEST(FailureBrake, CanBeSwitchedOff) {
  FailureBrake brake({.hold = milliseconds(0)});
  for (int i = 0; i < 1000; ++i) {
    const auto verdict = brake.Failed("a", {});
    EXPECT_EQ(verdict.hold, milliseconds(0));
    EXPECT_FALSE(verdict.too_many);
  }
  EXPECT_FALSE(brake.Exhausted("a", {}));
}

}  // namespace
}  // namespace strongroom::aws
