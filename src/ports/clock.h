#pragma once

#include <chrono>

namespace strongroom::ports {

using WallTime = std::chrono::system_clock::time_point;

/// The wall clock as services see it. Injected, so that a test can move it.
/// Threads   any number of calls at once.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime Now() const noexcept = 0;
};

/// The machine's own clock; the object lives as long as the process.
const Clock& SystemClock() noexcept;

}  // namespace strongroom::ports
