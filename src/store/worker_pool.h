#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "store/connection.h"
#include "store/database.h"

namespace strongroom::store {

/// One transaction to run and whom to tell. `done` is called exactly once, on a worker's thread.
struct Job {
  Access access = Access::kWrite;
  std::function<Status(Transaction&)> work;
  std::function<void(Status)> done;
};

/// The store's threads, each with one connection of its own, made when first needed and again when lost.
///
/// Jobs wait in a queue for writers or one for readers. SQLite has one writer, which takes all that waits (up to
/// kMaxBatch) into one transaction with a savepoint each, and two readers, which take some of what waits into one that
/// begins after all of it was asked for; PostgreSQL's workers take both kinds, one at a time. On a busy processor
/// workers do not interrupt who gives them jobs, so that more of them come together.
class WorkerPool {
 public:
  static constexpr std::size_t kMaxBatch = 32, kMaxReads = 8;

  explicit WorkerPool(const Config& config);
  /// Finishes what is queued.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Errors: kUnavailable when too many jobs wait; `job.done` is not called then.
  Status Submit(Job job);
  /// True on a thread of this pool, where waiting for a job would wait for itself.
  bool OnWorker() const noexcept;
  void SetCommitHook(std::function<void()> hook);
  const Config& config() const noexcept { return config_; }

 private:
  struct Queue {
    std::deque<Job> jobs;
    std::condition_variable ready;
  };
  class Worker;

  Queue& QueueFor(Access access) noexcept;
  void Serve(Queue& queue, Access access);
  std::size_t Most(Access access) const noexcept;
  void NotifyCommit();

  const Config config_;
  std::mutex mutex_;
  std::array<Queue, 2> queues_;
  bool stopping_ = false;
  std::atomic<std::uint64_t> reached_{0};  // connections that workers have made
  std::mutex hook_mutex_;
  std::function<void()> hook_;
  std::vector<std::thread> threads_;
};

}  // namespace strongroom::store
