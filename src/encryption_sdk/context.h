#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace strongroom::encryption_sdk {

/// Names and values in UTF-8; authenticated, not secret. The map's order (bytes, unsigned) is the canonical one.
using EncryptionContext = std::map<std::string, std::string, std::less<>>;

/// Keys with this beginning belong to the format.
inline constexpr std::string_view kReservedPrefix = "aws-crypto-";
/// Holds the signature's public key, base64 of the compressed point.
inline constexpr std::string_view kPublicKeyName = "aws-crypto-public-key";

/// Canonical serialisation; no bytes at all for the empty map.
/// Errors: LimitExceeded over 65,535 bytes; InvalidArgument when a text is not UTF-8.
Result<Bytes> Serialize(const EncryptionContext& context);
/// What stands in a header (without the length in front). Takes entries in any order.
/// Errors: MalformedHeader for anything else that the format does not allow.
Result<EncryptionContext> ParseContext(ByteView serialized);

/// Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text) noexcept;

}  // namespace strongroom::encryption_sdk
