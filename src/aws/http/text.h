#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace strongroom::aws {

constexpr char LowerAscii(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Eight characters of `text` from `at`, with A-Z made a-z. Names of headers are compared a hundred times in a request.
inline std::uint64_t LowerAsciiEight(std::string_view text, std::size_t at) noexcept {
  constexpr std::uint64_t kEach = 0x0101010101010101, kSigns = 0x80 * kEach;
  std::uint64_t eight = 0;
  std::memcpy(&eight, text.data() + at, sizeof eight);
  const std::uint64_t low = eight & ~kSigns;
  const std::uint64_t from_a = low + (0x80 - 'A') * kEach, beyond_z = low + (0x7f - 'Z') * kEach;  // in the signs
  const std::uint64_t upper = (from_a ^ beyond_z) & ~eight & kSigns;
  return eight | upper >> 2;
}

inline bool EqualsIgnoringCase(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  if (a.size() >= 8) {
    const std::size_t last = a.size() - 8;
    for (std::size_t at = 0; at < last; at += 8) {
      if (LowerAsciiEight(a, at) != LowerAsciiEight(b, at)) return false;
    }
    return LowerAsciiEight(a, last) == LowerAsciiEight(b, last);
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (LowerAscii(a[i]) != LowerAscii(b[i])) return false;
  }
  return true;
}

inline bool StartsWithIgnoringCase(std::string_view text, std::string_view start) noexcept {
  return text.size() >= start.size() && EqualsIgnoringCase(text.substr(0, start.size()), start);
}

/// Without spaces and tabs at both ends.
constexpr std::string_view Trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace strongroom::aws
