#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace strongroom::encryption_sdk::internal {

/// Big-endian numbers, as the format has them.
inline void Put16(Bytes& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}
template <std::size_t kBytes>
void Store(std::uint8_t* out, std::uint64_t value) noexcept {
  for (std::size_t i = kBytes; i-- > 0; value >>= 8) out[i] = static_cast<std::uint8_t>(value);
}
inline void Put32(Bytes& out, std::uint32_t value) {
  std::uint8_t text[4];
  Store<4>(text, value);
  Append(out, text);
}
template <std::size_t kBytes>
std::uint64_t Load(const std::uint8_t* in) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < kBytes; ++i) value = value << 8 | in[i];
  return value;
}
inline std::size_t Get16(ByteView in, std::size_t at = 0) noexcept { return Load<2>(in.data() + at); }
inline std::uint32_t Get32(ByteView in, std::size_t at = 0) noexcept {
  return static_cast<std::uint32_t>(Load<4>(in.data() + at));
}
inline std::uint64_t Get64(ByteView in, std::size_t at = 0) noexcept { return Load<8>(in.data() + at); }

inline constexpr std::size_t kMostInField = 65535;

}  // namespace strongroom::encryption_sdk::internal
