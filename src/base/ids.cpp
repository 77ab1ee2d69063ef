#include "base/ids.h"

#include <sodium.h>

#include <array>

#include "base/bytes.h"

namespace strongroom {

std::string NewUuid() {
  std::array<std::uint8_t, 16> b{};
  randombytes_buf(b.data(), b.size());
  b[6] = static_cast<std::uint8_t>((b[6] & 0x0f) | 0x40);
  b[8] = static_cast<std::uint8_t>((b[8] & 0x3f) | 0x80);
  std::string hex = Hex(b);
  for (const std::size_t at : {8, 13, 18, 23}) hex.insert(at, 1, '-');
  return hex;
}

std::string NewBase32Id(std::string_view prefix) {
  static constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  std::array<std::uint8_t, 11> b{};
  randombytes_buf(b.data(), b.size());
  std::string id(prefix);
  for (const std::uint8_t byte : b) id += kAlphabet[byte % 32];
  return id;
}

std::string NewHexId(std::string_view prefix) {
  std::array<std::uint8_t, 9> b{};
  randombytes_buf(b.data(), b.size());
  return std::string(prefix) + Hex(b).substr(0, 17);
}

}  // namespace strongroom
