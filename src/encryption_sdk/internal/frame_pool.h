#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "encryption_sdk/internal/frames.h"

namespace strongroom::encryption_sdk::internal {

/// One frame on its way through a worker.
struct FrameJob {
  FrameKind kind = FrameKind::kRegular;
  std::uint32_t number = 0;
  Nonce nonce{};
  WorkBuffer in, out;
  Tag tag{};
  std::optional<Error> error;
  bool done = false;  // the pool's
};

/// Threads that work on frames, whose results are taken in the order in which they were given. The slots are fixed, so
/// memory is bounded. Its methods belong to one thread.
class FramePool {
 public:
  using Work = std::function<void(FrameJob&)>;
  /// One thread for each `work`, which only that thread calls.
  explicit FramePool(std::vector<Work> work);
  ~FramePool();
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  /// The slot to be filled next. Precondition: not Full().
  FrameJob& Next() noexcept { return slots_[tail_]; }
  void Submit();
  /// Whether Oldest() must be taken before another slot can be filled.
  bool Full() const noexcept { return in_flight_ == slots_.size(); }
  bool Empty() const noexcept { return in_flight_ == 0; }
  /// Waits for the frame that was given first of those not released. Precondition: not Empty().
  FrameJob& Oldest();
  void Release() noexcept;

 private:
  void Run(const Work& work, std::stop_token stop);

  std::vector<FrameJob> slots_;
  std::size_t head_ = 0, tail_ = 0, in_flight_ = 0;
  std::mutex mutex_;
  std::condition_variable_any waiting_;
  std::condition_variable done_;
  std::deque<FrameJob*> queue_;
  std::vector<std::jthread> threads_;  // last: they end before the rest goes
};

}  // namespace strongroom::encryption_sdk::internal
