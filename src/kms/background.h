#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <set>

#include "base/task.h"

namespace strongroom::kms {

/// The tasks that the service runs on its own account, all on one loop.
///
/// Promise   after Stop() none of them runs and none begins, so that what they use may go away.
/// Threads   Start and Stop from any; Pause inside the tasks.
/// Lifetime  Stop() while the loop still runs, and not on it.
class Background {
 public:
  explicit Background(Loop& loop) : loop_(loop) {}
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  void Start(Task<void> task);
  /// Waits; false once there is no use in going on.
  Task<bool> Pause(std::chrono::milliseconds time);
  bool stopping() const;
  /// Ends all pauses and waits for the tasks. Idempotent.
  void Stop();

 private:
  struct Timer;

  Loop& loop_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::set<Timer*> pauses_;  // used on the loop, under mutex_
  std::size_t running_ = 0;
  bool stopping_ = false;
};

}  // namespace strongroom::kms
