#include "base/bytes.h"

#include <sodium.h>

#include <algorithm>
#include <array>

namespace strongroom {
namespace {

// Base64 (RFC 4648, section 4) may be of a plaintext, so it is read and written without a branch or a table, which
// libsodium does too, but a character at a time: a tenth of what a request cost. A lane is what the compiler takes a
// vector for.
constexpr std::size_t kLane = 16;

/// The value of a digit; for anything else some value, and `wrong` becomes other than 0.
constexpr std::uint8_t Base64Digit(char character, std::uint8_t& wrong) noexcept {
  const auto c = static_cast<std::uint8_t>(character);
  const auto in = [c](char low, char high) {  // all ones, or zero
    return static_cast<std::uint8_t>(
        -static_cast<int>(static_cast<std::uint8_t>(c - low) <= static_cast<std::uint8_t>(high - low)));
  };
  const std::uint8_t upper = in('A', 'Z'), lower = in('a', 'z'), digit = in('0', '9'), plus = in('+', '+'),
                     slash = in('/', '/');
  wrong = static_cast<std::uint8_t>(wrong | ~(upper | lower | digit | plus | slash));
  return static_cast<std::uint8_t>((upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52)) |
                                   (plus & 62) | (slash & 63));
}

/// The digit of a value below 64.
constexpr char Base64Character(std::uint8_t value) noexcept {
  const auto from = [value](std::uint8_t first) {  // all ones, or zero
    return static_cast<std::uint8_t>(-static_cast<int>(value >= first));
  };
  // Each step goes from one run of characters to the next: A-Z, a-z, 0-9, '+', '/'.
  return static_cast<char>(value + 'A' + (from(26) & 6) - (from(52) & 75) - (from(62) & 15) + (from(63) & 3));
}

}  // namespace

std::string Hex(ByteView bytes) {
  std::string out(bytes.size() * 2 + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), bytes.data(), bytes.size());
  out.pop_back();
  return out;
}

Result<Bytes> FromHex(std::string_view text) {
  if (text.empty()) return Bytes{};  // libsodium wants an address of what has no bytes, too
  Bytes out(text.size() / 2);
  std::size_t used = 0;
  const char* end = nullptr;
  if (text.size() % 2 != 0 ||
      sodium_hex2bin(out.data(), out.size(), text.data(), text.size(), nullptr, &used, &end) != 0 ||
      end != text.data() + text.size())
    return Error(Errc::kInvalidArgument, "not a hexadecimal text");
  out.resize(used);
  return out;
}

std::string Base64(ByteView bytes) {
  std::string out(Base64Size(bytes.size()), '\0');
  Base64Into(bytes, out.data());
  return out;
}

void Base64Into(ByteView bytes, char* out) noexcept {
  constexpr std::size_t kLaneBytes = kLane / 4 * 3;
  std::array<std::uint8_t, kLane> values;
  std::array<std::uint8_t, kLaneBytes> rest{};
  std::array<char, kLane> digits;
  for (std::size_t at = 0; at < bytes.size(); at += kLaneBytes, out += kLane) {
    const std::size_t left = bytes.size() - at;
    const std::uint8_t* lane = bytes.data() + at;
    if (left < kLaneBytes) lane = std::copy_n(lane, left, rest.data()) - left;
    for (std::size_t i = 0; i < kLane / 4; ++i) {
      const std::uint8_t* three = &lane[3 * i];
      values[4 * i] = static_cast<std::uint8_t>(three[0] >> 2);
      values[4 * i + 1] = static_cast<std::uint8_t>((three[0] << 4 | three[1] >> 4) & 63);
      values[4 * i + 2] = static_cast<std::uint8_t>((three[1] << 2 | three[2] >> 6) & 63);
      values[4 * i + 3] = static_cast<std::uint8_t>(three[2] & 63);
    }
    for (std::size_t i = 0; i < kLane; ++i) digits[i] = Base64Character(values[i]);
    if (left >= kLaneBytes) {
      std::copy_n(digits.data(), kLane, out);
      continue;
    }
    const std::size_t used = Base64Size(left);
    std::copy_n(digits.data(), used, out);
    for (std::size_t i = 0; i < (3 - left % 3) % 3; ++i) out[used - 1 - i] = '=';
  }
  ::sodium_memzero(values.data(), values.size());
  ::sodium_memzero(rest.data(), rest.size());
  ::sodium_memzero(digits.data(), digits.size());
}

Result<std::size_t> FromBase64Into(std::string_view text, std::span<std::uint8_t> out) {
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  const std::size_t size = text.size() / 4 * 3 - std::min(padding, text.size() / 4 * 3);
  if (text.size() % 4 != 0 || size > out.size()) return Error(Errc::kInvalidArgument, "not a base64 text");
  const std::size_t digits = text.size() - padding;
  std::array<std::uint8_t, kLane> values, wrong{};
  std::array<std::uint8_t, kLane / 4 * 3> bytes;
  std::array<char, kLane> rest;
  std::uint8_t bad = 0;
  for (std::size_t at = 0, done = 0; at < digits; at += kLane, done += bytes.size()) {
    const char* lane = text.data() + at;
    if (digits - at < kLane) {
      rest.fill('A');
      std::copy_n(lane, digits - at, rest.data());
      lane = rest.data();
    }
    for (std::size_t i = 0; i < kLane; ++i) values[i] = Base64Digit(lane[i], wrong[i]);
    for (std::size_t i = 0; i < kLane / 4; ++i) {
      const std::uint8_t* four = &values[4 * i];
      bytes[3 * i] = static_cast<std::uint8_t>(four[0] << 2 | four[1] >> 4);
      bytes[3 * i + 1] = static_cast<std::uint8_t>(four[1] << 4 | four[2] >> 2);
      bytes[3 * i + 2] = static_cast<std::uint8_t>(four[2] << 6 | four[3]);
    }
    const std::size_t take = std::min(bytes.size(), size - done);
    std::copy_n(bytes.data(), take, out.data() + done);
    // What the padding says is not there has to be zero.
    if (take < bytes.size()) bad |= bytes[take];
  }
  for (const std::uint8_t one : wrong) bad |= one;
  ::sodium_memzero(values.data(), values.size());
  ::sodium_memzero(bytes.data(), bytes.size());
  ::sodium_memzero(rest.data(), rest.size());
  if (bad != 0) return Error(Errc::kInvalidArgument, "not a base64 text");
  return size;
}

Result<Bytes> FromBase64(std::string_view text) {
  Bytes out(Base64DecodedMax(text.size()));
  SR_TRY(const std::size_t used, FromBase64Into(text, out));
  out.resize(used);
  return out;
}

}  // namespace strongroom
