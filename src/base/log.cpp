#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>

namespace strongroom {
namespace {

spdlog::level::level_enum Of(log::Level level) {
  switch (level) {
    case log::Level::kDebug: return spdlog::level::debug;
    case log::Level::kInfo: return spdlog::level::info;
    case log::Level::kWarn: return spdlog::level::warn;
    case log::Level::kError: return spdlog::level::err;
    case log::Level::kCritical: break;
  }
  return spdlog::level::critical;
}

}  // namespace

void InitLog(std::string_view process, std::string_view level) {
  auto logger =
      std::make_shared<spdlog::logger>(std::string(process), std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l [%n %P] %v");
  logger->set_level(spdlog::level::from_str(std::string(level)));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void LogError(std::string_view doing, const Error& error) { log::Error("{}: {}", doing, error.ForLog()); }

namespace log {

void Write(Level level, fmt::string_view format, fmt::format_args arguments) {
  spdlog::logger* const logger = spdlog::default_logger_raw();
  if (logger == nullptr || !logger->should_log(Of(level))) return;
  logger->log(Of(level), spdlog::string_view_t(fmt::vformat(format, arguments)));
}

void OnlyFrom(Level level) { spdlog::set_level(Of(level)); }

void End() { spdlog::shutdown(); }

}  // namespace log
}  // namespace strongroom
