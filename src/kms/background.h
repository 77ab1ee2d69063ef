#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/task.h"

namespace strongroom::kms {

/// The coroutines that a service runs for itself on one loop, owned by it: none outlives Stop.
///
/// Promise   after a Stop that reports nobody, no task holds or touches anything any more. A task is never torn down in
///           the middle: its sleeps end at once, what it has begun it finishes, and what would take too long it cuts
///           by a Cut that it made.
/// Threads   Spawn, stopping and Stop from anywhere; Sleep and Cut inside a task.
/// Lifetime  the loop outlives it and runs until Stop has returned. The destructor stops, too.
class Background {
 public:
  explicit Background(Loop& loop);
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// Runs `task` on the loop; `name` stands in the log if it does not end. Once Stop has begun, it is dropped unrun:
  /// what it was for must be found again by the next process.
  void Spawn(std::string name, Task<void> task);
  /// Whether Stop has begun. A task asks before each thing that it need not begin.
  bool stopping() const noexcept;
  /// Returns after `duration`, or when Stop begins; whether the task should go on as before.
  Task<bool> Sleep(std::chrono::milliseconds duration);

  struct State;
  /// While it lives, `cut` is what ends the task's waiting early. Run on the loop, once, when Stop's patience is over.
  class Cut {
   public:
    Cut(Background& background, std::function<void()> cut);
    ~Cut();
    Cut(const Cut&) = delete;
    Cut& operator=(const Cut&) = delete;

   private:
    std::shared_ptr<State> state_;
    std::function<void()> cut_;
  };

  /// Ends sleeps and waits for all tasks: for `patience` as they are, then, after their Cuts, for `last` more.
  /// Idempotent. Not from the loop's own thread, where it does not wait. Returns the names of tasks that still run.
  std::vector<std::string> Stop(std::chrono::milliseconds patience, std::chrono::milliseconds last);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace strongroom::kms
