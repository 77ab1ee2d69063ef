#pragma once

#include "base/error.h"

namespace strongroom {

/// Exit statuses of our commands: 0 success, 1 failure, 2 the command line or a configuration is wrong, 3 what is
/// needed is not running, not reachable or overloaded, 4 refused, 5 (kExitIncomplete) done, but not with everything.
constexpr int ExitCode(Errc code) noexcept {
  switch (code) {
    case Errc::kInvalidArgument: return 2;
    case Errc::kUnavailable:
    case Errc::kThrottled:
    case Errc::kTimeout: return 3;
    case Errc::kAccessDenied:
    case Errc::kPermission:
    case Errc::kInvalidSignature:
    case Errc::kUntrusted:
    case Errc::kLoginFailed: return 4;
    default: return 1;
  }
}

/// Of `archive`: there is a result, but not everything is in it as it should be.
inline constexpr int kExitIncomplete = 5;
/// Of strongroomd: its machine was removed from the deployment, so starting it again is of no use.
inline constexpr int kExitRemoved = 6;

}  // namespace strongroom
