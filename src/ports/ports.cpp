#include "base/log.h"
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

bool LogAuditSink::listens() const noexcept { return spdlog::should_log(spdlog::level::debug); }

void LogAuditSink::Record(AuditEvent event) {
  spdlog::debug("audit: {} {} by {} in {}: {}", event.request_id, event.event_name,
                event.caller.arn.empty() ? "nobody" : event.caller.arn, event.region,
                event.error_code.empty() ? "ok" : event.error_code);
}

}  // namespace strongroom::ports
