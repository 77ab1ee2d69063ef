#include "kms/background.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>
#include <optional>
#include <thread>

namespace strongroom::kms {
namespace {
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
namespace asio = boost::asio;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;

constexpr auto kLong = 60s;  // never waited out

/// A loop on a thread of its own, with the tasks under test.
class BackgroundTest : public ::testing::Test {
 protected:
  ~BackgroundTest() override {
    background_.reset();
    work_.reset();
    loop_.stop();
    thread_.join();
  }
  void OnLoop(const std::function<void()>& work) {
    std::promise<void> done;
    asio::post(loop_, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  void WaitFor(const std::atomic<bool>& flag) {
    while (!flag) std::this_thread::yield();
  }

  /// Sleeps once and says what Sleep said.
  static Task<void> SleepOnce(Background& background, std::atomic<bool>& begun, std::optional<bool>& said) {
    begun = true;
    said = co_await background.Sleep(kLong);
  }
  /// Waits for the timer, which Background does not know of.
  static Task<void> WaitOn(Timer& timer, std::atomic<bool>& begun, std::atomic<bool>& ended) {
    begun = true;
    boost::system::error_code ignored;
    constexpr asio::use_awaitable_t<LoopExecutor> await{};
    co_await timer.async_wait(asio::redirect_error(await, ignored));
    ended = true;
  }
  static Task<void> WaitWithCut(Background& background, Timer& timer, std::atomic<bool>& begun,
                                std::atomic<bool>& ended) {
    std::function<void()> cancel = [&timer] { timer.cancel(); };
    const Background::Cut cut(background, std::move(cancel));
    co_await WaitOn(timer, begun, ended);
  }
  static Task<void> Note(std::atomic<int>& count) {
    ++count;
    co_return;
  }

  Loop loop_{1};
  asio::executor_work_guard<LoopExecutor> work_{loop_.get_executor()};
  Timer timer_{loop_, kLong};
  std::atomic<bool> begun_{false}, ended_{false};
  std::optional<Background> background_{std::in_place, loop_};
  std::thread thread_{[this] { loop_.run(); }};
};

TEST_F(BackgroundTest, WithoutTasksStopsAtOnceAndTwice) {
  EXPECT_FALSE(background_->stopping());
  EXPECT_THAT(background_->Stop(kLong, kLong), IsEmpty());
  EXPECT_TRUE(background_->stopping());
  EXPECT_THAT(background_->Stop(kLong, kLong), IsEmpty());
}

TEST_F(BackgroundTest, RunsEachTaskOnce) {
  std::atomic<int> count{0};
  for (int i = 0; i < 100; ++i) background_->Spawn("noting", Note(count));
  EXPECT_THAT(background_->Stop(kLong, kLong), IsEmpty());
  EXPECT_EQ(count, 100);
}

TEST_F(BackgroundTest, AShortSleepSaysGoOn) {
  std::optional<bool> said;
  auto sleep = [](Background& background, std::optional<bool>& out, std::atomic<bool>& ended) -> Task<void> {
    out = co_await background.Sleep(1ms);
    ended = true;
  };
  background_->Spawn("sleeping", sleep(*background_, said, ended_));
  WaitFor(ended_);
  background_->Stop(kLong, kLong);
  EXPECT_EQ(said, true);
}

TEST_F(BackgroundTest, StopEndsASleepAndWaitsForItsTask) {
  std::optional<bool> said;
  background_->Spawn("sleeping", SleepOnce(*background_, begun_, said));
  WaitFor(begun_);
  EXPECT_THAT(background_->Stop(kLong, kLong), IsEmpty());
  EXPECT_EQ(said, false);
}

TEST_F(BackgroundTest, ASleepThatBeginsAfterStopDoesNotWait) {
  std::optional<bool> said;
  auto wait_then_sleep = [](Background& background, Timer& timer, std::atomic<bool>& begun, std::atomic<bool>& ended,
                            std::optional<bool>& out) -> Task<void> {
    co_await WaitWithCut(background, timer, begun, ended);
    out = co_await background.Sleep(kLong);
  };
  background_->Spawn("both", wait_then_sleep(*background_, timer_, begun_, ended_, said));
  WaitFor(begun_);
  EXPECT_THAT(background_->Stop(0ms, kLong), IsEmpty());
  EXPECT_EQ(said, false);
}

TEST_F(BackgroundTest, WhatIsUnderWayIsWaitedFor) {
  background_->Spawn("working", WaitOn(timer_, begun_, ended_));
  WaitFor(begun_);
  auto stopped = std::async(std::launch::async, [this] { return background_->Stop(kLong, kLong); });
  while (!background_->stopping()) std::this_thread::yield();
  OnLoop([] {});  // the loop has seen the stop
  EXPECT_FALSE(ended_);
  OnLoop([this] { timer_.cancel(); });
  EXPECT_THAT(stopped.get(), IsEmpty());
  EXPECT_TRUE(ended_);
}

TEST_F(BackgroundTest, WhatTakesTooLongIsCut) {
  background_->Spawn("working", WaitWithCut(*background_, timer_, begun_, ended_));
  WaitFor(begun_);
  EXPECT_THAT(background_->Stop(0ms, kLong), IsEmpty());
  EXPECT_TRUE(ended_);
}

TEST_F(BackgroundTest, ACutMadeAfterTheTimeIsMadeAtOnce) {
  Timer second(loop_, kLong);
  auto one_then_other = [](Background& background, Timer& a, Timer& b, std::atomic<bool>& begun,
                           std::atomic<bool>& ended) -> Task<void> {
    co_await WaitWithCut(background, a, begun, ended);
    ended = false;
    std::function<void()> expire = [&b] { b.expires_after(0s); };
    const Background::Cut cut(background, std::move(expire));
    co_await WaitOn(b, begun, ended);
  };
  background_->Spawn("both", one_then_other(*background_, timer_, second, begun_, ended_));
  WaitFor(begun_);
  EXPECT_THAT(background_->Stop(0ms, kLong), IsEmpty());
  EXPECT_TRUE(ended_);
}

TEST_F(BackgroundTest, ACutThatIsGoneIsNotMade) {
  std::atomic<int> cuts{0};
  auto cut_then_wait = [](Background& background, std::atomic<int>& count, Timer& timer, std::atomic<bool>& begun,
                          std::atomic<bool>& ended) -> Task<void> {
    {
      std::function<void()> note = [&count] { ++count; };
      const Background::Cut cut(background, std::move(note));
    }
    co_await WaitWithCut(background, timer, begun, ended);
  };
  background_->Spawn("both", cut_then_wait(*background_, cuts, timer_, begun_, ended_));
  WaitFor(begun_);
  EXPECT_THAT(background_->Stop(0ms, kLong), IsEmpty());
  EXPECT_EQ(cuts, 0);
}

TEST_F(BackgroundTest, WhatDoesNotEndIsNamed) {
  background_->Spawn("endless", WaitOn(timer_, begun_, ended_));
  WaitFor(begun_);
  EXPECT_THAT(background_->Stop(0ms, 0ms), ElementsAre("endless"));
  OnLoop([this] { timer_.cancel(); });
  EXPECT_THAT(background_->Stop(kLong, kLong), IsEmpty());
}

TEST_F(BackgroundTest, NothingBeginsAfterStop) {
  std::atomic<int> count{0};
  background_->Stop(kLong, kLong);
  background_->Spawn("late", Note(count));
  OnLoop([] {});
  EXPECT_EQ(count, 0);
}

TEST_F(BackgroundTest, OnTheLoopItselfStopDoesNotWait) {
  std::optional<bool> said;
  background_->Spawn("sleeping", SleepOnce(*background_, begun_, said));
  WaitFor(begun_);
  OnLoop([this] { EXPECT_THAT(background_->Stop(kLong, kLong), ElementsAre("sleeping")); });
  EXPECT_THAT(background_->Stop(kLong, kLong), IsEmpty());
  EXPECT_EQ(said, false);
}

TEST_F(BackgroundTest, TheDestructorWaitsToo) {
  std::optional<bool> said;
  background_->Spawn("sleeping", SleepOnce(*background_, begun_, said));
  WaitFor(begun_);
  background_.reset();
  EXPECT_EQ(said, false);
}

}  // namespace
}  // namespace strongroom::kms
