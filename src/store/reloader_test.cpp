#include "store/reloader.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include "store/testing/engines.h"

namespace strongroom::store {
namespace {
using testing::EngineTest;

/// A reloader on a thread of its own, which reads when it is told to and fails when it is told to.
class ReloaderTest : public EngineTest {
 protected:
  static constexpr std::chrono::hours kNever{1};

  void Watch(std::chrono::milliseconds every, std::chrono::milliseconds retry) {
    reloader_ = std::make_shared<Reloader>(
        loop_, Reloader::Options{.what = "reading a test's things",
                                 .every = every,
                                 .retry = retry,
                                 .concerns = [](const FeedEntry& entry) { return entry.kind == "wanted"; },
                                 .reload = [this] { return Reload(); }});
    feed_.emplace(*database_, ChangeFeed::Options{.interval = std::chrono::milliseconds(10)});
    reloader_->Watch(*feed_);
    ASSERT_TRUE(feed_->Start().ok());
    thread_ = std::thread([this] { loop_.run(); });
  }
  void TearDown() override {
    feed_.reset();
    if (reloader_) reloader_->Stop();
    work_.reset();
    if (thread_.joinable()) thread_.join();
    EngineTest::TearDown();
  }

  Task<Status> Reload() {
    const std::lock_guard lock(mutex_);
    ++count_;
    counted_.notify_all();
    if (failures_ == 0) co_return Status();
    --failures_;
    co_return Error(Errc::kUnavailable, "Not now.");
  }
  void Announce(std::string kind) {
    ASSERT_TRUE(
        database_->Transact([&](Transaction& t) { return t.Change(kind, "111122223333", "eu-west-1", "x"); }).ok());
  }
  bool Counts(int count) {
    std::unique_lock lock(mutex_);
    return counted_.wait_for(lock, std::chrono::seconds(60), [&] { return count_ >= count; });
  }

  Loop loop_;
  std::optional<boost::asio::executor_work_guard<LoopExecutor>> work_{loop_.get_executor()};
  std::shared_ptr<Reloader> reloader_;
  std::optional<ChangeFeed> feed_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable counted_;
  int count_ = 0, failures_ = 0;
};

TEST_P(ReloaderTest, ReadsWhenAChangeConcernsIt) {
  Watch(kNever, kNever);
  Announce("other");
  Announce("wanted");
  ASSERT_TRUE(Counts(1));
  Announce("wanted");
  EXPECT_TRUE(Counts(2));
}

TEST_P(ReloaderTest, TriesAgainAfterAFailureAndRestsAfterwards) {
  failures_ = 2;
  Watch(kNever, std::chrono::milliseconds(1));
  Announce("wanted");
  EXPECT_TRUE(Counts(3));
  Announce("wanted");
  EXPECT_TRUE(Counts(4));
}

TEST_P(ReloaderTest, ReadsFromTimeToTimeWithoutAChange) {
  Watch(std::chrono::milliseconds(1), kNever);
  EXPECT_TRUE(Counts(3));
}

TEST_P(ReloaderTest, BeginsNothingOnceStopped) {
  Watch(std::chrono::milliseconds(1), kNever);
  ASSERT_TRUE(Counts(1));
  reloader_->Stop();
  // What was under way ends on the loop before this does.
  std::promise<void> settled;
  boost::asio::post(loop_, [&] { boost::asio::post(loop_, [&] { settled.set_value(); }); });
  settled.get_future().wait();
  const int before = count_;
  Announce("wanted");
  work_.reset();
  thread_.join();  // nothing waits any more
  EXPECT_EQ(count_, before);
}

INSTANTIATE_TEST_SUITE_P(Store, ReloaderTest, testing::BothEngines(), testing::EngineName);

}  // namespace
}  // namespace strongroom::store
