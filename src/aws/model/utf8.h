#pragma once

#include <cstddef>
#include <string_view>

namespace strongroom::aws::model {

/// The code point at `at`, which moves behind it. The text is known to be valid UTF-8 (the JSON parser checked it).
inline char32_t NextCodePoint(std::string_view text, std::size_t& at) noexcept {
  const auto lead = static_cast<unsigned char>(text[at++]);
  if (lead < 0x80) return lead;
  const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  char32_t c = lead & (0x3f >> more);
  for (int i = 0; i < more && at < text.size(); ++i) c = (c << 6) | (static_cast<unsigned char>(text[at++]) & 0x3f);
  return c;
}

/// How many code points a valid UTF-8 text has.
inline std::size_t CountCodePoints(std::string_view text) noexcept {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return count;
}

/// Whether a text is valid UTF-8 (RFC 3629: no overlong forms, no surrogates).
bool IsValidUtf8(std::string_view text) noexcept;

}  // namespace strongroom::aws::model
