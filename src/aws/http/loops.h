#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "base/task.h"

namespace strongroom::aws {

/// The process's event loops, one thread each. Whatever is made on a loop (connection, HSM channel) stays there.
///
/// Threads   Start, Stop and the destructor belong to one owner; at() may be used anywhere.
/// Lifetime  the loops outlive everything that runs on them.
class LoopGroup {
 public:
  /// `count` of 0 means one per processor.
  explicit LoopGroup(std::size_t count);
  ~LoopGroup();
  LoopGroup(const LoopGroup&) = delete;
  LoopGroup& operator=(const LoopGroup&) = delete;

  std::size_t size() const noexcept;
  Loop& at(std::size_t index) noexcept;
  /// Starts the threads. Called once.
  void Start();
  /// Stops every loop, whether or not work is left, and joins the threads. Idempotent; not from a loop's own thread.
  void Stop();
  /// Runs `work` on every loop and returns when all have. Not from a loop's own thread, and only between Start and
  /// Stop.
  void ForEach(const std::function<void(std::size_t index, Loop&)>& work);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Index of the loop that runs the calling thread within its LoopGroup; 0 on other threads. For per-loop state.
std::size_t CurrentLoopIndex() noexcept;

}  // namespace strongroom::aws
