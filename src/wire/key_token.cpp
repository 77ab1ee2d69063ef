#include "wire/key_token.h"

#include <algorithm>

namespace strongroom::wire {
namespace {
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kLongestText = 255;
}  // namespace

std::optional<std::uint32_t> KeyTokenGeneration(ByteView token) noexcept {
  if (token.size() < kKeyTokenHeadBytes || !std::equal(kKeyTokenMagic.begin(), kKeyTokenMagic.end(), token.begin()))
    return std::nullopt;
  std::uint32_t generation = 0;
  for (std::size_t i = kKeyTokenMagic.size(); i < kKeyTokenHeadBytes; ++i) generation = generation << 8 | token[i];
  return generation;
}

Bytes Encode(const KeyTokenBinding& b) {
  Bytes out{kVersion};
  for (const std::string_view text : {b.account, b.key_id, b.material_id, b.spec, b.usage}) {
    if (text.size() > kLongestText) return {};
    out.push_back(static_cast<std::uint8_t>(text.size()));
    Append(out, AsBytes(text));
  }
  return out;
}

std::optional<KeyTokenBinding> ParseKeyTokenBinding(ByteView bytes) noexcept {
  if (bytes.empty() || bytes[0] != kVersion) return std::nullopt;
  ByteView rest = bytes.subspan(1);
  KeyTokenBinding b;
  for (std::string_view* text : {&b.account, &b.key_id, &b.material_id, &b.spec, &b.usage}) {
    if (rest.empty() || rest.size() < 1u + rest[0]) return std::nullopt;
    *text = AsText(rest.subspan(1, rest[0]));
    rest = rest.subspan(1u + rest[0]);
  }
  if (!rest.empty()) return std::nullopt;
  return b;
}

}  // namespace strongroom::wire
