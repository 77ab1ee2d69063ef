#include "hsm/session/worker_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <latch>

namespace strongroom::hsm {
namespace {

Task<void> Ask(WorkerPool& pool, Loop& loop, int number, std::vector<int>& answers, std::vector<Errc>& errors) {
  auto work = [number]() -> Result<int> { return number * 2; };
  auto answer = co_await pool.Run(loop, std::move(work));
  if (answer)
    answers.push_back(*answer);
  else
    errors.push_back(answer.error().code());
}

TEST(WorkerPool, AnswersOnTheLoopInOrderOfOneWorker) {
  Loop loop{1};
  WorkerPool pool(1, 100);
  std::vector<int> answers;
  std::vector<Errc> errors;
  for (int i = 0; i < 50; ++i)
    boost::asio::co_spawn(loop.get_executor(), Ask(pool, loop, i, answers, errors), boost::asio::detached);
  loop.run();
  ASSERT_EQ(answers.size(), 50u);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(answers[static_cast<std::size_t>(i)], i * 2);
}

TEST(WorkerPool, AnswersAreNotHeldBehindLongWork) {
  Loop loop{1};
  WorkerPool pool(1, 100);
  std::latch busy{1}, go{1}, seen{1};
  pool.RunDetached([&] {
    busy.count_down();
    go.wait();
  });
  busy.wait();
  int answer = 0;
  const auto quick = [&]() -> Task<void> {
    auto work = []() -> Result<int> { return 7; };
    const auto got = co_await pool.Run(loop, std::move(work), Pace::kQuick);
    answer = got.value();
    seen.count_down();
  };
  boost::asio::co_spawn(loop.get_executor(), quick(), boost::asio::detached);
  loop.poll();
  // Ends when the answer before it has arrived; what waits behind would let a worker hold answers.
  pool.RunDetached([&] { seen.wait(); });
  for (int i = 0; i < 10; ++i) pool.RunDetached([] {});
  go.count_down();
  while (answer == 0) {
    loop.restart();
    loop.run_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(answer, 7);
}

TEST(WorkerPool, ManyQuickAnswersArriveInOrder) {
  Loop loop{1};
  WorkerPool pool(1, 1000);
  std::vector<int> answers;
  const auto ask = [&](int number) -> Task<void> {
    auto work = [number]() -> Result<int> { return number; };
    const auto got = co_await pool.Run(loop, std::move(work), number % 7 == 0 ? Pace::kLong : Pace::kQuick);
    answers.push_back(got.value());
  };
  for (int i = 0; i < 500; ++i) boost::asio::co_spawn(loop.get_executor(), ask(i), boost::asio::detached);
  loop.run();
  ASSERT_EQ(answers.size(), 500u);
  EXPECT_TRUE(std::is_sorted(answers.begin(), answers.end()));
}

TEST(WorkerPool, RefusesBeyondItsQueueAndCancelsWhatWaitsWhenStopped) {
  Loop loop{1};
  WorkerPool pool(1, 2);
  std::latch busy{1}, go{1};
  pool.RunDetached([&] {
    busy.count_down();
    go.wait();
  });
  busy.wait();
  std::vector<int> answers;
  std::vector<Errc> errors;
  for (int i = 0; i < 3; ++i)
    boost::asio::co_spawn(loop.get_executor(), Ask(pool, loop, i, answers, errors), boost::asio::detached);
  loop.poll();
  EXPECT_EQ(errors, std::vector<Errc>{Errc::kThrottled});
  std::thread releaser([&] { go.count_down(); });
  pool.Stop();
  releaser.join();
  loop.restart();
  loop.run();
  // Whatever had begun was finished, whatever had not was cancelled; nothing is forgotten.
  EXPECT_EQ(answers.size() + errors.size(), 3u);
}

}  // namespace
}  // namespace strongroom::hsm
