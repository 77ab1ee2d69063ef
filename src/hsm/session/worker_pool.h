#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/task.h"

namespace strongroom::hsm {

/// A few threads with a bounded queue, for what may not run on the event loop: password hashing, private-key work.
///
/// Promise   work is started in the order it was given; its answer arrives on the loop that asked.
/// Errors    kThrottled  the queue is full; kCancelled  the pool was stopped before the work began.
/// Threads   Run on any loop. Destroy it while no loop runs that waits for it.
class WorkerPool {
 public:
  WorkerPool(std::size_t threads, std::size_t max_queued);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Runs `work` (a Result<T>()) on a worker. `work` is destroyed on that worker.
  template <typename Work>
  Task<std::invoke_result_t<Work&>> Run(Loop& loop, Work work) {
    using Answer = std::invoke_result_t<Work&>;
    auto waiter = std::make_shared<Waiter<Answer>>(loop);
    std::function<void(bool)> job = MakeJob(loop, waiter, std::move(work));
    SR_CO_CHECK(Enqueue(std::move(job)));
    // The worker's answer is posted to this loop, so it cannot arrive before this wait has begun.
    (void)co_await waiter->done.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable_t<LoopExecutor>{}));
    if (!waiter->answer) co_return Error(Errc::kCancelled, "The HSM is stopping.");
    co_return std::move(*waiter->answer);
  }

  /// Work that nobody waits for; dropped when the queue is full.
  void RunDetached(std::function<void()> work);

  /// No new work begins; waits for what runs. Idempotent.
  void Stop();

 private:
  template <typename Answer>
  struct Waiter {
    explicit Waiter(Loop& loop) : done(loop.get_executor(), std::chrono::steady_clock::time_point::max()) {}
    boost::asio::basic_waitable_timer<std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>,
                                      LoopExecutor>
        done;
    std::optional<Answer> answer;
  };

  template <typename Answer, typename Work>
  static std::function<void(bool)> MakeJob(Loop& loop, std::shared_ptr<Waiter<Answer>> waiter, Work work) {
    // std::function wants copies; the work may hold secrets, which cannot be copied.
    auto held = std::make_shared<Work>(std::move(work));
    return [&loop, waiter = std::move(waiter), held = std::move(held)](bool run) mutable {
      std::optional<Answer> answer;
      if (run) answer.emplace((*held)());
      held.reset();
      auto shared = std::make_shared<std::optional<Answer>>(std::move(answer));
      boost::asio::post(loop.get_executor(), [waiter = std::move(waiter), shared = std::move(shared)] {
        waiter->answer = std::move(*shared);
        waiter->done.cancel();
      });
    };
  }

  Status Enqueue(std::function<void(bool)> job);
  void Work();

  const std::size_t max_queued_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void(bool)>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace strongroom::hsm
