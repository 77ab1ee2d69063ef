#include "hsm/session/worker_pool.h"

namespace strongroom::hsm {

WorkerPool::WorkerPool(std::size_t threads, std::size_t max_queued) : max_queued_(max_queued) {
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

WorkerPool::~WorkerPool() { Stop(); }

void WorkerPool::RunDetached(std::function<void()> work) {
  (void)Enqueue([work = std::move(work)](bool run) {
    if (run) work();
  });
}

void WorkerPool::Stop() {
  std::deque<std::function<void(bool)>> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(queue_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
  for (auto& job : dropped) job(false);
}

Status WorkerPool::Enqueue(std::function<void(bool)> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return Error(Errc::kCancelled, "The HSM is stopping.");
    if (queue_.size() >= max_queued_) return Error(Errc::kThrottled, "The HSM has too much of this work waiting.");
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
  return {};
}

void WorkerPool::Work() {
  for (;;) {
    std::function<void(bool)> job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    job(true);
  }
}

}  // namespace strongroom::hsm
