#include "store/change_feed.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "store/testing/engines.h"

namespace strongroom::store {
namespace {
using testing::EngineTest;

/// Collects what a feed reports and waits for it.
class Collector {
 public:
  void Add(std::span<const FeedEntry> entries) {
    {
      const std::lock_guard lock(mutex_);
      for (const FeedEntry& entry : entries) ids_.push_back(entry.kind + ":" + entry.id);
    }
    changed_.notify_all();
  }
  bool WaitFor(const std::string& id) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60),
                             [&] { return std::find(ids_.begin(), ids_.end(), id) != ids_.end(); });
  }
  std::vector<std::string> Ids() {
    const std::lock_guard lock(mutex_);
    return ids_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> ids_;
};

class ChangeFeedContract : public EngineTest {
 protected:
  static Status Announce(Database& database, std::string id) {
    return database.Transact([&](Transaction& tx) { return tx.Change("key", "111122223333", "eu-west-1", id); });
  }
  std::unique_ptr<ChangeFeed> StartFeed(Database& database, ChangeFeed::Options options) {
    auto feed = std::make_unique<ChangeFeed>(database, options);
    feed->Subscribe([this](std::span<const FeedEntry> entries) { seen_.Add(entries); });
    const Status started = feed->Start();
    EXPECT_TRUE(started.ok());
    return feed;
  }
  Collector seen_;
};

TEST_P(ChangeFeedContract, CommitsOfThisAndOfOtherProgramsAreReportedOnce) {
  ASSERT_TRUE(Announce(*database_, "before").ok());
  auto other = Open();
  auto feed = StartFeed(*database_, {.interval = std::chrono::milliseconds(10)});
  ASSERT_TRUE(Announce(*database_, "own").ok());
  ASSERT_TRUE(Announce(*other, "others").ok());
  EXPECT_TRUE(seen_.WaitFor("key:own"));
  EXPECT_TRUE(seen_.WaitFor("key:others"));
  ASSERT_TRUE(Announce(*other, "last").ok());
  EXPECT_TRUE(seen_.WaitFor("key:last"));
  EXPECT_THAT(seen_.Ids(), ::testing::ElementsAre("key:own", "key:others", "key:last"));
}

TEST_P(ChangeFeedContract, ALocalCommitWakesThePollerAtOnce) {
  auto feed = StartFeed(*database_, {.interval = std::chrono::hours(1)});
  ASSERT_TRUE(Announce(*database_, "now").ok());
  EXPECT_TRUE(seen_.WaitFor("key:now"));
}

TEST_P(ChangeFeedContract, WhatWasRolledBackIsNotReported) {
  auto feed = StartFeed(*database_, {.interval = std::chrono::milliseconds(10)});
  const Status refused = database_->Transact([](Transaction& tx) -> Status {
    SR_CHECK(tx.Change("key", "", "", "never"));
    return Error(Errc::kDisabled, "");
  });
  ASSERT_FALSE(refused.ok());
  ASSERT_TRUE(Announce(*database_, "after").ok());
  EXPECT_TRUE(seen_.WaitFor("key:after"));
  EXPECT_THAT(seen_.Ids(), ::testing::ElementsAre("key:after"));
}

TEST_P(ChangeFeedContract, ACommitLaterThanItsNumberIsNotLost) {
  if (GetParam() == Config::Engine::kSqlite) GTEST_SKIP() << "one writer: numbers are in the order of commits";
  auto feed = StartFeed(*database_, {.interval = std::chrono::milliseconds(10)});
  auto other = Open();
  // The slow transaction draws its number first and commits after the fast one has been seen.
  std::promise<void> drawn, seen;
  auto seen_future = seen.get_future().share();
  std::thread slow([&] {
    bool told = false;
    const Status status = other->Transact([&](Transaction& tx) -> Status {
      SR_CHECK(tx.Change("key", "", "", "slow"));
      if (!std::exchange(told, true)) drawn.set_value();
      seen_future.wait();
      return {};
    });
    EXPECT_TRUE(status.ok());
  });
  drawn.get_future().wait();
  EXPECT_TRUE(Announce(*database_, "fast").ok());
  EXPECT_TRUE(seen_.WaitFor("key:fast"));
  seen.set_value();
  slow.join();
  EXPECT_TRUE(seen_.WaitFor("key:slow"));
  EXPECT_THAT(seen_.Ids(), ::testing::ElementsAre("key:fast", "key:slow"));
}

TEST_P(ChangeFeedContract, AfterMoreThanItKeepsEverythingMayHaveChanged) {
  // Entries are kept for less than the window, so each poll has to assume that it missed some.
  auto feed = StartFeed(*database_, {.interval = std::chrono::milliseconds(10), .keep = std::chrono::milliseconds(1)});
  EXPECT_TRUE(seen_.WaitFor("*:"));
}

TEST_P(ChangeFeedContract, EntriesOlderThanAnHourAreDeleted) {
  const auto made = database_->Transact([](Transaction& tx) -> Status {
    SR_TRY(const auto now, tx.NowMillis());
    for (const std::int64_t age : {std::int64_t{3'700'000}, std::int64_t{3'500'000}}) {
      SR_CHECK(tx.Execute("INSERT INTO changes (kind, account_id, region, id, at) VALUES ('key', '', '', 'old', $1)",
                          {Value(now - age)}));
    }
    return {};
  });
  ASSERT_TRUE(made.ok());
  auto feed = StartFeed(*database_, {.interval = std::chrono::milliseconds(5)});
  std::size_t left = 2;
  for (int i = 0; i < 6000 && left != 1; ++i) {
    auto rows = database_->Read([](Transaction& tx) { return tx.Query("SELECT number FROM changes"); });
    ASSERT_TRUE(rows.ok());
    left = rows->size();
    if (left != 1) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(left, 1U);
}

INSTANTIATE_TEST_SUITE_P(Store, ChangeFeedContract, testing::BothEngines(), testing::EngineName);
}  // namespace
}  // namespace strongroom::store
