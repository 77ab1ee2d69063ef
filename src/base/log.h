#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace strongroom {

/// Sets this process's log: one line per event on standard error, "time level [process] text".
/// `level` is one of trace, debug, info, warn, error, off. Payload, keys and passwords are never logged, at any level.
void InitLog(std::string_view process, std::string_view level = "info");

/// Logs a failure once, where it stops travelling.
void LogError(std::string_view doing, const Error& error);

/// One event each, formatted as {fmt} does. What formats and writes is compiled once, in log.cpp: the log library's own
/// templates take two seconds in every file that logs.
namespace log {

enum class Level : std::uint8_t { kDebug, kInfo, kWarn, kError, kCritical };

/// Does nothing below the level of InitLog or OnlyFrom.
void Write(Level level, fmt::string_view format, fmt::format_args arguments);

/// From now on only this level and above is logged; for commands whose output is for people.
void OnlyFrom(Level level);

/// Writes out what is waiting; the log is not used afterwards.
void End();

template <class... Arguments>
void Debug(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  Write(Level::kDebug, format, fmt::make_format_args(arguments...));
}
template <class... Arguments>
void Info(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  Write(Level::kInfo, format, fmt::make_format_args(arguments...));
}
template <class... Arguments>
void Warn(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  Write(Level::kWarn, format, fmt::make_format_args(arguments...));
}
template <class... Arguments>
void Error(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  Write(Level::kError, format, fmt::make_format_args(arguments...));
}
template <class... Arguments>
void Critical(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  Write(Level::kCritical, format, fmt::make_format_args(arguments...));
}

}  // namespace log
}  // namespace strongroom
