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

/// How long a piece of work may take. Answers of quick work are handed over several at once while more of it waits.
enum class Pace {
  kQuick,  // some milliseconds at most
  kLong,
};

/// A few threads with a bounded queue, for what may not run on the event loop: password hashing, private-key work.
///
/// Promise   work is started in the order it was given; its answer arrives on the loop that asked. An answer is held
///           back for two milliseconds and one more piece of quick work at most, and only while more waits than is
///           held.
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
  Task<std::invoke_result_t<Work&>> Run(Loop& loop, Work work, Pace pace = Pace::kLong) {
    using Answer = std::invoke_result_t<Work&>;
    auto waiter = std::make_shared<Waiter<Answer>>(loop);
    Job job{&loop, pace, MakeJob(waiter, std::move(work))};
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

  /// Hands the answer over; called on the loop that asked.
  using Delivery = std::function<void()>;
  struct Job {
    Loop* loop = nullptr;
    Pace pace = Pace::kLong;
    std::function<Delivery(bool run)> work;
  };
  /// What one worker has to hand over. A hand-over wakes the loop and, behind it, everyone on the answer's way: one
  /// for each answer costs nearly half as much as an RSA-2048 signature.
  class Answers {
   public:
    void Add(Loop* loop, Delivery delivery);
    /// Whether they go now, before the work that waits.
    bool Due(const std::deque<Job>& waiting) const;
    void Post();

   private:
    Loop* loop_ = nullptr;
    std::vector<Delivery> deliveries_;
    std::chrono::steady_clock::time_point since_;
  };

  template <typename Answer, typename Work>
  static std::function<Delivery(bool)> MakeJob(std::shared_ptr<Waiter<Answer>> waiter, Work work) {
    // std::function wants copies; the work may hold secrets, which cannot be copied.
    auto held = std::make_shared<Work>(std::move(work));
    return [waiter = std::move(waiter), held = std::move(held)](bool run) mutable -> Delivery {
      auto answer = std::make_shared<std::optional<Answer>>();
      if (run) answer->emplace((*held)());
      held.reset();
      return [waiter = std::move(waiter), answer = std::move(answer)] {
        waiter->answer = std::move(*answer);
        waiter->done.cancel();
      };
    };
  }

  Status Enqueue(Job job);
  void Work();

  const std::size_t max_queued_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace strongroom::hsm
