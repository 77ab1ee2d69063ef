#include "sigv4/canonical.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace strongroom::sigv4 {
namespace {

constexpr std::string_view Trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

constexpr bool Unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void AppendEncodedByte(char c, std::string& out) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

/// "a/./b//c/../d" -> "a/b/d", keeping a final slash.
std::string Normalized(std::string_view path) {
  std::vector<std::string_view> kept;
  bool ends_in_slash = true;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, end - at);
    ends_in_slash = segment.empty() || segment == "." || segment == "..";
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (!ends_in_slash) {
      kept.push_back(segment);
    }
    at = end + 1;
  }
  std::string out;
  for (const std::string_view segment : kept) out.append("/").append(segment);
  if (ends_in_slash || out.empty()) out += '/';
  return out;
}

template <typename Visit>
void ForEachParameter(std::string_view query, Visit&& visit) {
  for (std::size_t at = 0; at < query.size();) {
    const std::size_t end = std::min(query.find('&', at), query.size());
    const std::string_view pair = query.substr(at, end - at);
    at = end + 1;
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    visit(pair.substr(0, equals), equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
  }
}

}  // namespace

void AppendCanonicalValue(std::string_view value, std::string& out) {
  value = Trimmed(value);
  if (value.find("  ") == std::string_view::npos && value.find('\t') == std::string_view::npos) {
    out += value;  // as nearly all are
    return;
  }
  bool after_space = false;
  for (char c : value) {
    if (c == '\t') c = ' ';
    if (c == ' ' && after_space) continue;
    after_space = c == ' ';
    out += c;
  }
}

std::string PercentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = HexDigit(text[i + 1]), low = HexDigit(text[i + 2]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

void AppendPercentEncoded(std::string_view text, std::string& out) {
  for (const char c : text) {
    if (Unreserved(c)) {
      out += c;
    } else {
      AppendEncodedByte(c, out);
    }
  }
}

void AppendCanonicalPath(std::string_view path, PathForm form, std::string& out) {
  if (path.empty() || path == "/") {
    out += '/';
    return;
  }
  if (form == PathForm::kEncodedOnce) {
    out += path;
    return;
  }
  const std::string normalized = form == PathForm::kNormalized ? Normalized(path) : std::string(path);
  for (const char c : normalized) {
    if (c == '/' || Unreserved(c)) {
      out += c;
    } else {
      AppendEncodedByte(c, out);
    }
  }
}

void AppendCanonicalQuery(std::string_view query, std::string_view leave_out, std::string& out) {
  if (query.empty()) return;
  std::vector<std::pair<std::string, std::string>> parameters;
  ForEachParameter(query, [&](std::string_view name, std::string_view value) {
    std::pair<std::string, std::string> encoded;
    const std::string plain = PercentDecode(name);
    if (!leave_out.empty() && plain == leave_out) return;
    AppendPercentEncoded(plain, encoded.first);
    AppendPercentEncoded(PercentDecode(value), encoded.second);
    parameters.push_back(std::move(encoded));
  });
  std::ranges::sort(parameters);
  bool first = true;
  for (const auto& [name, value] : parameters) {
    if (!std::exchange(first, false)) out += '&';
    out.append(name).append("=").append(value);
  }
}

std::optional<std::string> QueryParameter(std::string_view query, std::string_view name) {
  std::optional<std::string> found;
  ForEachParameter(query, [&](std::string_view candidate, std::string_view value) {
    if (!found && PercentDecode(candidate) == name) found = PercentDecode(value);
  });
  return found;
}

std::optional<WallTime> ParseBasicTime(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t count) {
    int value = 0;
    for (std::size_t i = at; i < at + count; ++i) {
      if (text[i] < '0' || text[i] > '9') return -1;
      value = value * 10 + (text[i] - '0');
    }
    return value;
  };
  const int year = number(0, 4), month = number(4, 2), day = number(6, 2);
  const int hour = number(9, 2), minute = number(11, 2), second = number(13, 2);
  if (year < 1970 || month < 1 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
      second > 59) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

std::string FormatBasicTime(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

}  // namespace strongroom::sigv4
