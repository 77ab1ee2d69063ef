#include "trail/lookup_rate.h"

#include <gtest/gtest.h>

namespace strongroom::trail {
namespace {

class LookupRateTest : public ::testing::Test {
 protected:
  int Admitted(LookupRate& rate, int calls, const std::string& account = "111122223333",
               const std::string& region = "eu-central-1") {
    int admitted = 0;
    for (int i = 0; i < calls; ++i) {
      const Status status = rate.Admit(account, region);
      if (!status.ok()) {
        EXPECT_EQ(status.error().code(), Errc::kThrottled);
      }
      admitted += status.ok() ? 1 : 0;
    }
    return admitted;
  }
  LookupRate::Clock::time_point now_{std::chrono::hours(1)};
};

TEST_F(LookupRateTest, IsTwoASecondOfEachAccountAndRegion) {
  LookupRate rate(true, [this] { return now_; });
  EXPECT_EQ(Admitted(rate, 10), 2);
  EXPECT_EQ(Admitted(rate, 10, "444455556666"), 2);
  EXPECT_EQ(Admitted(rate, 10, "111122223333", "us-east-1"), 2);
  now_ += std::chrono::milliseconds(500);
  EXPECT_EQ(Admitted(rate, 10), 1);
  now_ += std::chrono::hours(1);
  EXPECT_EQ(Admitted(rate, 10), 2);
}

TEST_F(LookupRateTest, IsWithoutLimitUnlessItIsAskedFor) {
  LookupRate rate(false, [this] { return now_; });
  EXPECT_EQ(Admitted(rate, 1000), 1000);
}

}  // namespace
}  // namespace strongroom::trail
