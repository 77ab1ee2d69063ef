#include "base/processors.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace strongroom {

unsigned UsableProcessors() noexcept {
  cpu_set_t usable;
  CPU_ZERO(&usable);
  // Fails on machines of more than 1,024 processors, of which one can only say how many there are.
  if (::sched_getaffinity(0, sizeof usable, &usable) != 0) return std::max(1u, std::thread::hardware_concurrency());
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&usable)));
}

}  // namespace strongroom
