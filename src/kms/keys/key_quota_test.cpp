#include "kms/keys/key_quota.h"

#include <gtest/gtest.h>

#include "kms/keys/rows.h"
#include "store/testing/engines.h"

namespace strongroom::kms {
namespace {

const std::string kAccount = "111122223333", kRegion = "us-east-1";

struct KeyQuotaTest : ::testing::Test {
  void SetUp() override {
    store::Config config;
    config.sqlite_path = directory_.path() / "strongroom.db";
    auto opened = store::Database::Open(config);
    ASSERT_TRUE(opened.ok()) << opened.error();
    database_ = *std::move(opened);
  }
  /// Whoever it is that makes them.
  void Insert(std::int64_t count, const std::string& region = kRegion) {
    const Status made = database_->Transact([&](store::Transaction& t) -> Status {
      for (std::int64_t i = 0; i < count; ++i) {
        KeyRow key;
        key.account = kAccount;
        key.region = region;
        key.key_id = std::to_string(next_++);
        SR_CHECK(InsertKey(t, key));
      }
      return {};
    });
    ASSERT_TRUE(made.ok()) << made.error();
  }
  bool HasRoom(KeyQuota& quota, const std::string& region = kRegion) {
    const auto room = database_->Transact([&](store::Transaction& t) { return quota.HasRoom(t, kAccount, region); });
    EXPECT_TRUE(room.ok()) << room.error();
    return room.ok() && *room;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<store::Database> database_;
  std::int64_t next_ = 1;
  KeyQuota::Clock::time_point now_{};
};

TEST_F(KeyQuotaTest, IsExactWithFewKeys) {
  KeyQuota quota(3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(HasRoom(quota));
    Insert(1);
  }
  EXPECT_FALSE(HasRoom(quota));
  EXPECT_TRUE(HasRoom(quota, "eu-central-1"));
}

TEST_F(KeyQuotaTest, IsExactNearItself) {
  KeyQuota quota(KeyQuota::kCounted + 2, [this] { return now_; });
  Insert(KeyQuota::kCounted + 1);
  EXPECT_TRUE(HasRoom(quota));
  Insert(1);
  EXPECT_FALSE(HasRoom(quota));
}

TEST_F(KeyQuotaTest, ALargeCountIsKeptForAMinuteAndCountsWhatIsAskedFor) {
  KeyQuota quota(KeyQuota::kCounted + KeyQuota::kMargin + 5, [this] { return now_; });
  Insert(KeyQuota::kCounted);
  EXPECT_TRUE(HasRoom(quota));
  // Keys of other front ends, which are not seen while the count is kept.
  Insert(KeyQuota::kMargin + 10);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(HasRoom(quota)) << i;
  EXPECT_FALSE(HasRoom(quota));  // too near for the count that is kept
  EXPECT_FALSE(HasRoom(quota));
}

TEST_F(KeyQuotaTest, AfterAMinuteItCountsAgain) {
  KeyQuota quota(KeyQuota::kCounted + KeyQuota::kMargin + 5, [this] { return now_; });
  Insert(KeyQuota::kCounted);
  EXPECT_TRUE(HasRoom(quota));
  Insert(KeyQuota::kMargin + 10);
  EXPECT_TRUE(HasRoom(quota));
  now_ += KeyQuota::kKept;
  EXPECT_FALSE(HasRoom(quota));
}

}  // namespace
}  // namespace strongroom::kms
