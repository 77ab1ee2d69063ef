#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace strongroom::wire {

// What both ends know of key tokens (docs/formats.md 5): the head, which is in the clear, and the binding, which comes
// beside the token and is authenticated with it.

inline constexpr std::array<std::uint8_t, 4> kKeyTokenMagic{'S', 'R', 'T', 1};
/// Magic and u32 generation.
inline constexpr std::size_t kKeyTokenHeadBytes = 8;

/// The generation of the domain key that a token is under; none for what does not begin as a token.
std::optional<std::uint32_t> KeyTokenGeneration(ByteView token) noexcept;

/// Whose key a token is, and for what. Views.
struct KeyTokenBinding {
  std::string_view account, key_id, material_id, spec, usage;
};
/// Version 1 and each text behind its length. Empty, which no token opens with, when a text has more than 255 bytes.
Bytes Encode(const KeyTokenBinding& binding);
/// None but for version 1, five texts and nothing after them. The views are into `bytes`.
std::optional<KeyTokenBinding> ParseKeyTokenBinding(ByteView bytes) noexcept;

}  // namespace strongroom::wire
