#include "ports/audit.h"
#include "ports/authorizer.h"
#include "ports/clock.h"

namespace strongroom::ports {
namespace {
class MachineClock final : public Clock {
 public:
  WallTime Now() const noexcept override { return std::chrono::system_clock::now(); }
};
}  // namespace

const Clock& SystemClock() noexcept {
  static const MachineClock clock;
  return clock;
}

}  // namespace strongroom::ports
