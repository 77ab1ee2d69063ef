#include "encryption_sdk/context.h"

#include "encryption_sdk/errors.h"
#include "encryption_sdk/internal/wire.h"

namespace strongroom::encryption_sdk {
namespace {

using internal::Get16;
using internal::kMostInField;
using internal::Put16;

Error Malformed(std::string_view what) {
  return MakeError(ErrorCode::kMalformedHeader, fmt::format("The encryption context {}.", what));
}

/// Cuts a text with its length in front off the beginning of `rest`.
Result<std::string> TakeText(ByteView& rest) {
  if (rest.size() < 2 || rest.size() - 2 < Get16(rest)) return Malformed("ends within an entry");
  const std::size_t size = Get16(rest);
  std::string text(AsText(rest.subspan(2, size)));
  rest = rest.subspan(2 + size);
  if (!IsUtf8(text)) return Malformed("is not UTF-8");
  return text;
}

}  // namespace

bool IsUtf8(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    const std::uint8_t lead = byte(i++);
    if (lead < 0x80) continue;
    const std::size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || text.size() - i < more) return false;
    const std::uint8_t second = byte(i);
    // Overlong forms, surrogates and what is over U+10FFFF show in the second byte (Unicode, table 3-7).
    const std::uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const std::uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return false;
    for (std::size_t j = 1; j < more; ++j) {
      if ((byte(i + j) & 0xc0) != 0x80) return false;
    }
    i += more;
  }
  return true;
}

Result<Bytes> Serialize(const EncryptionContext& context) {
  Bytes out;
  if (context.empty()) return out;
  std::size_t size = 2;
  for (const auto& [key, value] : context) {
    size += 4 + key.size() + value.size();
    if (!IsUtf8(key) || !IsUtf8(value)) {
      return MakeError(ErrorCode::kInvalidArgument, "Names and values of the encryption context must be UTF-8.");
    }
  }
  if (size > kMostInField) {
    return MakeError(ErrorCode::kLimitExceeded,
                     fmt::format("The encryption context takes {} bytes of at most {}; give fewer or shorter entries.",
                                 size, kMostInField));
  }
  out.reserve(size);
  Put16(out, context.size());
  for (const auto& [key, value] : context) {
    Put16(out, key.size());
    Append(out, AsBytes(key));
    Put16(out, value.size());
    Append(out, AsBytes(value));
  }
  return out;
}

Result<EncryptionContext> ParseContext(ByteView serialized) {
  EncryptionContext context;
  if (serialized.empty()) return context;
  if (serialized.size() < 2) return Malformed("has one byte only");
  std::size_t count = Get16(serialized);
  ByteView rest = serialized.subspan(2);
  while (count-- > 0) {
    SR_TRY(std::string key, TakeText(rest));
    SR_TRY(std::string value, TakeText(rest));
    if (!context.emplace(std::move(key), std::move(value)).second) return Malformed("has one name twice");
  }
  if (!rest.empty()) return Malformed("goes on after its last entry");
  return context;
}

}  // namespace strongroom::encryption_sdk
