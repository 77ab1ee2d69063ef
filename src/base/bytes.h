#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace strongroom {

/// Bytes that are not secret; secrets live in secret::SecretBuffer.
using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

/// The bytes of a text, not copied.
inline ByteView AsBytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view AsText(ByteView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes ToBytes(ByteView view) { return Bytes(view.begin(), view.end()); }
inline void Append(Bytes& to, ByteView from) { to.insert(to.end(), from.begin(), from.end()); }

/// Lower-case hex. Constant time (libsodium), since what is printed may be derived from keys.
std::string Hex(ByteView bytes);
/// Errors: kInvalidArgument when not an even number of hex digits (either case).
Result<Bytes> FromHex(std::string_view text);

/// Standard base64 with padding (RFC 4648, section 4). Constant time.
std::string Base64(ByteView bytes);
/// As Base64, but into `out` (at least Base64Size(bytes.size()) characters), for memory that is wiped.
void Base64Into(ByteView bytes, char* out) noexcept;
inline constexpr std::size_t Base64Size(std::size_t bytes) noexcept { return (bytes + 2) / 3 * 4; }
/// Strict: standard alphabet, padded, no white space. Errors: kInvalidArgument.
Result<Bytes> FromBase64(std::string_view text);
/// As FromBase64, but into `out` (at least Base64DecodedMax(text.size()) bytes), for secret memory; returns the count.
Result<std::size_t> FromBase64Into(std::string_view text, std::span<std::uint8_t> out);
inline constexpr std::size_t Base64DecodedMax(std::size_t text_size) noexcept { return text_size / 4 * 3 + 3; }

}  // namespace strongroom
