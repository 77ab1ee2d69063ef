#include "cloudhsm/nodes/lease.h"

#include <gtest/gtest.h>

#include "cloudhsm/testing/world.h"

namespace strongroom::cloudhsm {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class LeaseTest : public ::testing::Test {
 protected:
  bool Take(std::string_view owner, milliseconds duration = hours(1)) {
    return world_.database->Transact([&](store::Transaction& t) { return TakeLease(t, "c", owner, duration); }).value();
  }
  Errc Require(std::string_view owner) {
    const Status status =
        world_.database->Read([&](store::Transaction& t) -> Status { return RequireLease(t, "c", owner); });
    return status.ok() ? Errc::kCount_ : status.error().code();
  }
  void Renew(std::string_view owner, milliseconds duration) {
    EXPECT_TRUE(
        world_.database->Transact([&](store::Transaction& t) { return RenewLease(t, "c", owner, duration); }).ok());
  }
  void Release(std::string_view owner) {
    EXPECT_TRUE(world_.database->Transact([&](store::Transaction& t) { return ReleaseLease(t, "c", owner); }).ok());
  }
  testing::World world_;
};

TEST_F(LeaseTest, IsOneOwnersAtATime) {
  EXPECT_TRUE(Take("a"));
  EXPECT_FALSE(Take("b"));
  EXPECT_TRUE(Take("a")) << "one's own is prolonged";
  EXPECT_EQ(Require("a"), Errc::kCount_);
  EXPECT_EQ(Require("b"), Errc::kCancelled);
  Release("b");
  EXPECT_FALSE(Take("b")) << "nobody releases another's";
  Release("a");
  EXPECT_TRUE(Take("b"));
}

TEST_F(LeaseTest, ThatRanOutIsAnybodysButGoodUntilTaken) {
  EXPECT_TRUE(Take("a", milliseconds(-1)));
  EXPECT_EQ(Require("a"), Errc::kCount_);
  EXPECT_TRUE(Take("b"));
  EXPECT_EQ(Require("a"), Errc::kCancelled);
}

TEST_F(LeaseTest, RenewalNeitherStealsNorRevives) {
  Renew("a", hours(1));
  EXPECT_EQ(Require("a"), Errc::kCancelled);
  EXPECT_TRUE(Take("a", milliseconds(-1)));
  Renew("b", hours(1));
  Renew("a", hours(1));
  EXPECT_FALSE(Take("b"));
}

}  // namespace
}  // namespace strongroom::cloudhsm
