#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/task.h"
#include "channel/tls_stream.h"

namespace strongroom::channel {

inline constexpr std::uint16_t kHsmPort = 2223;  // daemon and SDK 5
inline constexpr std::uint16_t kCmuPort = 2225;  // cloudhsm_mgmt_util

/// Lets an attempt to connect be given up before its deadline.
/// Threads   the loop of the attempt.
class ConnectAttempt {
 public:
  /// What ends the present step; none between steps and after the last.
  void Step(std::function<void()> end);
  /// Ends the present step and, at once, every later one.
  void Cancel();
  bool cancelled() const noexcept { return cancelled_; }

 private:
  std::function<void()> end_;
  bool cancelled_ = false;
};

/// Connects to an HSM's address (an IPv4 or IPv6 literal; no names are resolved) and does both handshakes.
/// Errors: kInvalidArgument not an address; kUnavailable; kCancelled by `attempt`; and those of TlsPipe::Handshake.
Task<Result<std::shared_ptr<TlsPipe>>> ConnectNested(std::string address, std::uint16_t port, TlsContext outer,
                                                     TlsContext inner, std::chrono::steady_clock::time_point deadline,
                                                     PipeOptions options = {},
                                                     std::shared_ptr<ConnectAttempt> attempt = nullptr);

}  // namespace strongroom::channel
