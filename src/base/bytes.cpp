#include "base/bytes.h"

#include <sodium.h>

namespace strongroom {

std::string Hex(ByteView bytes) {
  std::string out(bytes.size() * 2 + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), bytes.data(), bytes.size());
  out.pop_back();
  return out;
}

Result<Bytes> FromHex(std::string_view text) {
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
  std::string out(sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(out.data(), out.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  out.pop_back();
  return out;
}

Result<std::size_t> FromBase64Into(std::string_view text, std::span<std::uint8_t> out) {
  std::size_t used = 0;
  const char* end = nullptr;
  // libsodium compares characters as signed numbers, so that it takes some bytes beyond ASCII for digits.
  unsigned beyond_ascii = 0;
  for (const char c : text) beyond_ascii |= static_cast<unsigned char>(c) & 0x80u;
  if (text.size() % 4 != 0 || beyond_ascii != 0 ||
      sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &used, &end,
                        sodium_base64_VARIANT_ORIGINAL) != 0 ||
      end != text.data() + text.size())
    return Error(Errc::kInvalidArgument, "not a base64 text");
  return used;
}

Result<Bytes> FromBase64(std::string_view text) {
  Bytes out(Base64DecodedMax(text.size()));
  SR_TRY(const std::size_t used, FromBase64Into(text, out));
  out.resize(used);
  return out;
}

}  // namespace strongroom
