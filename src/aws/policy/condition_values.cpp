#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <cmath>

#include "aws/dispatch/time_text.h"
#include "aws/http/text.h"
#include "aws/policy/condition.h"

namespace strongroom::aws::policy {
namespace {

constexpr unsigned kV4Prefix = 96;  // of ::ffff:0:0/96

std::optional<unsigned> ParseDigits(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "+01:30" at the end of a time, in minutes.
std::optional<int> ParseOffset(std::string_view text) {
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const auto hours = ParseDigits(text.substr(1, 2)), minutes = ParseDigits(text.substr(4, 2));
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const int offset = static_cast<int>(*hours * 60 + *minutes);
  return text[0] == '-' ? -offset : offset;
}

}  // namespace

std::optional<IpRange> ParseIpRange(std::string_view text) {
  namespace ip = boost::asio::ip;
  if (text.size() > 64) return std::nullopt;
  const std::size_t slash = std::min(text.find('/'), text.size());
  boost::system::error_code ec;
  const ip::address address = ip::make_address(std::string(text.substr(0, slash)), ec);
  if (ec) return std::nullopt;
  IpRange range;
  const bool v4 = address.is_v4();
  if (v4) {
    range.address = ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes();
  } else {
    if (address.to_v6().scope_id() != 0) return std::nullopt;
    range.address = address.to_v6().to_bytes();
  }
  if (slash == text.size()) return range;
  const auto prefix = ParseDigits(text.substr(slash + 1));
  if (!prefix || *prefix > (v4 ? 32U : 128U)) return std::nullopt;
  range.prefix = v4 ? *prefix + kV4Prefix : *prefix;
  return range;
}

std::optional<double> ParseNumber(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<bool> ParseBool(std::string_view text) {
  if (EqualsIgnoringCase(text, "true")) return true;
  if (EqualsIgnoringCase(text, "false")) return false;
  return std::nullopt;
}

std::optional<std::int64_t> ParseDate(std::string_view text) {
  constexpr std::size_t kDay = 10, kMinute = 16;
  constexpr std::int64_t kMaxSeconds = 1'000'000'000'000;  // the year 33658
  if (text.find('T') == std::string_view::npos && text.size() != kDay) {
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    if (seconds > kMaxSeconds || seconds < -kMaxSeconds) return std::nullopt;
    return seconds * 1000;
  }
  if (text.size() == kDay && text.find('-') == std::string_view::npos) {  // ten digits
    const auto seconds = ParseDigits(text);
    if (!seconds) return std::nullopt;
    return static_cast<std::int64_t>(*seconds) * 1000;
  }
  int offset = 0;
  if (!text.ends_with('Z') && text.size() > kMinute) {
    const auto parsed = ParseOffset(text.substr(text.size() - std::min<std::size_t>(text.size(), 6)));
    if (!parsed) return std::nullopt;
    offset = *parsed;
    text.remove_suffix(6);
  } else if (text.ends_with('Z')) {
    text.remove_suffix(1);
  } else if (text.size() != kDay) {
    return std::nullopt;
  }
  std::string whole(text);
  if (whole.size() == kDay) whole += "T00:00:00";
  if (whole.size() == kMinute) whole += ":00";
  whole += 'Z';
  const auto time = ParseIsoTime(whole);
  if (!time) return std::nullopt;
  return std::chrono::floor<std::chrono::milliseconds>(time->time_since_epoch()).count() -
         static_cast<std::int64_t>(offset) * 60'000;
}

}  // namespace strongroom::aws::policy
