#include "aws/dispatch/time_text.h"

#include <fmt/format.h>

#include "aws/sigv4/canonical.h"

namespace strongroom::aws {

std::optional<ports::WallTime> ParseIsoTime(std::string_view text) {
  if (text.size() < 20 || text.size() > 30 || text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':' ||
      text.back() != 'Z') {
    return std::nullopt;
  }
  std::string basic;
  for (const char c : text.substr(0, 19)) {
    if (c != '-' && c != ':') basic += c;
  }
  const auto whole = ParseBasicTime(basic + "Z");
  if (!whole) return std::nullopt;
  std::int64_t nanoseconds = 0;
  const std::string_view fraction = text.substr(19, text.size() - 20);
  if (!fraction.empty()) {
    if (fraction[0] != '.' || fraction.size() == 1) return std::nullopt;
    std::int64_t unit = 100'000'000;
    for (const char c : fraction.substr(1)) {
      if (c < '0' || c > '9') return std::nullopt;
      nanoseconds += (c - '0') * unit;
      unit /= 10;
    }
  }
  return *whole + std::chrono::duration_cast<ports::WallTime::duration>(std::chrono::nanoseconds(nanoseconds));
}

std::string FormatIsoTime(ports::WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::milliseconds>(time - day));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

}  // namespace strongroom::aws
