#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/task.h"
#include "channel/tls_stream.h"

namespace strongroom::channel {

inline constexpr std::uint16_t kHsmPort = 2223;  // daemon and SDK 5
inline constexpr std::uint16_t kCmuPort = 2225;  // cloudhsm_mgmt_util

/// Connects to an HSM's address (an IPv4 or IPv6 literal; no names are resolved) and does both handshakes.
/// Errors: kInvalidArgument not an address; kUnavailable; and those of TlsPipe::Handshake.
Task<Result<std::shared_ptr<TlsPipe>>> ConnectNested(std::string address, std::uint16_t port, TlsContext outer,
                                                     TlsContext inner, std::chrono::steady_clock::time_point deadline,
                                                     PipeOptions options = {});

}  // namespace strongroom::channel
