#include "encryption_sdk/internal/frame_pool.h"

namespace strongroom::encryption_sdk::internal {

FramePool::FramePool(std::vector<Work> work) : slots_(work.size() + 1) {
  for (Work& one : work) {
    threads_.emplace_back([this, run = std::move(one)](std::stop_token stop) { Run(run, stop); });
  }
}

FramePool::~FramePool() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

void FramePool::Run(const Work& work, std::stop_token stop) {
  for (;;) {
    FrameJob* job = nullptr;
    {
      std::unique_lock lock(mutex_);
      if (!waiting_.wait(lock, stop, [this] { return !queue_.empty(); })) return;
      job = queue_.front();
      queue_.pop_front();
    }
    work(*job);
    {
      const std::lock_guard lock(mutex_);
      job->done = true;
    }
    done_.notify_one();
  }
}

void FramePool::Submit() {
  FrameJob& job = slots_[tail_];
  tail_ = (tail_ + 1) % slots_.size();
  ++in_flight_;
  {
    const std::lock_guard lock(mutex_);
    job.done = false;
    queue_.push_back(&job);
  }
  waiting_.notify_one();
}

FrameJob& FramePool::Oldest() {
  FrameJob& job = slots_[head_];
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&job] { return job.done; });
  return job;
}

void FramePool::Release() noexcept {
  FrameJob& job = slots_[head_];
  job.in.Clear();
  job.error.reset();
  head_ = (head_ + 1) % slots_.size();
  --in_flight_;
}

}  // namespace strongroom::encryption_sdk::internal
