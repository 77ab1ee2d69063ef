#pragma once

#include <spdlog/spdlog.h>

#include <string>
#include <string_view>

#include "base/error.h"

namespace strongroom {

/// Sets this process's log: one line per event on standard error, "time level [process] text".
/// `level` is one of trace, debug, info, warn, error, off. Payload, keys and passwords are never logged, at any level.
void InitLog(std::string_view process, std::string_view level = "info");

/// Logs a failure once, where it stops travelling.
inline void LogError(std::string_view doing, const Error& error) { spdlog::error("{}: {}", doing, error.ForLog()); }

}  // namespace strongroom
