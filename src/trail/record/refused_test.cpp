#include "trail/record/refused.h"

#include <gtest/gtest.h>

namespace strongroom::trail {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RefusedCallsTest : public ::testing::Test {
 protected:
  int Admitted(const std::string& address, int calls) {
    int admitted = 0;
    for (int i = 0; i < calls; ++i) admitted += refused_.Admit(address, now_) ? 1 : 0;
    return admitted;
  }
  RefusedCalls refused_;
  RefusedCalls::Time now_{std::chrono::hours(1)};
};

TEST_F(RefusedCallsTest, AnAddressHasSoManyEachSecond) {
  EXPECT_EQ(Admitted("192.0.2.7", 100), 5);
  EXPECT_EQ(Admitted("192.0.2.8", 100), 5);
  now_ += milliseconds(400);
  EXPECT_EQ(Admitted("192.0.2.7", 100), 2);
  now_ += seconds(60);
  EXPECT_EQ(Admitted("192.0.2.7", 100), 5);
}

TEST_F(RefusedCallsTest, ManyAddressesHaveTogetherWhatTheDiskIsWorth) {
  int admitted = 0;
  for (int i = 0; i < 20'000; ++i)
    admitted += Admitted("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250), 1);
  EXPECT_EQ(admitted, 300);
  now_ += seconds(10);
  for (int i = 0; i < 20'000; ++i)
    admitted += Admitted("10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250), 1);
  EXPECT_EQ(admitted, 320);
  const auto left_out = refused_.Take(now_, false);
  ASSERT_TRUE(left_out.has_value());
  EXPECT_EQ(left_out->count, 40'000U - 320U);
  EXPECT_EQ(left_out->sources.size(), RefusedCalls::kMostNamed);
}

TEST_F(RefusedCallsTest, ANetworkOfIpv6IsOneAddress) {
  EXPECT_EQ(Admitted("2001:db8::1", 3) + Admitted("2001:db8::ffff", 3), 5);
}

TEST_F(RefusedCallsTest, WhatIsLeftOutIsToldOnceInAWhile) {
  EXPECT_FALSE(refused_.Take(now_, true).has_value());
  Admitted("192.0.2.7", 105);
  Admitted("192.0.2.8", 8);
  const auto told = refused_.Take(now_, false);
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->count, 103U);
  const std::vector<std::pair<std::string, std::uint64_t>> want{{"192.0.2.7", 100}, {"192.0.2.8", 3}};
  EXPECT_EQ(told->sources, want);
  Admitted("192.0.2.7", 1);
  EXPECT_FALSE(refused_.Take(now_ + seconds(1), false).has_value());
  EXPECT_EQ(refused_.Take(now_ + seconds(1), true)->count, 1U);
}

}  // namespace
}  // namespace strongroom::trail
