#include "kms/background.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <thread>

namespace strongroom::kms {
namespace {

struct Running {
  Loop loop{1};
  boost::asio::executor_work_guard<LoopExecutor> work{loop.get_executor()};
  std::thread thread{[this] { loop.run(); }};
  ~Running() {
    loop.stop();
    thread.join();
  }
};

Task<void> UntilStopped(Background& background, std::atomic<int>& begun, std::atomic<int>& ended) {
  ++begun;
  for (;;) {
    const bool go_on = co_await background.Pause(std::chrono::hours(1));
    if (!go_on) break;
  }
  ++ended;
}

TEST(Background, StopEndsPausesAndWaitsForTheTasks) {
  Running at;
  Background background(at.loop);
  std::atomic<int> begun{0}, ended{0};
  for (int i = 0; i < 10; ++i) background.Start(UntilStopped(background, begun, ended));
  background.Stop();
  EXPECT_EQ(begun, 10);
  EXPECT_EQ(ended, 10);
  background.Start(UntilStopped(background, begun, ended));
  background.Stop();
  EXPECT_EQ(begun, 10) << "nothing begins after Stop()";
}

TEST(Background, StopWithoutTasksNeedsNoLoop) {
  Loop loop;
  Background background(loop);
  background.Stop();
}

}  // namespace
}  // namespace strongroom::kms
