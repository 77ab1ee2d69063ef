#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ports/clock.h"

namespace strongroom::aws {

/// "2026-03-01T12:00:00Z", with an optional fraction of up to nine digits. Nothing when malformed.
std::optional<ports::WallTime> ParseIsoTime(std::string_view text);
/// The same with milliseconds, as Query services write times.
std::string FormatIsoTime(ports::WallTime time);

}  // namespace strongroom::aws
