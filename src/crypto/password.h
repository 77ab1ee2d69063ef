#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "secret/secret_buffer.h"

namespace strongroom::crypto {

/// scrypt (RFC 7914) with N = 2^15, r = 8, p = 1 and a 16-byte salt: about 32 MiB and 80 ms, so it belongs on a bounded
/// worker. The result is "scrypt$15$8$1$<salt, base64>$<hash, base64>" and holds all that verifying needs.
/// Errors: kInvalidArgument for an empty password or over 1024 bytes; kResourceExhausted.
Result<std::string> HashPassword(const SecretBuffer& password);

/// Whether the password is the one hashed; compared in constant time. Costs as much for a wrong password as for the
/// right one. Errors: kCorrupted when `encoded` is not what HashPassword makes (parameters beyond N = 2^20, r = 16,
/// p = 4 included, so that a forged record cannot exhaust memory).
Result<bool> VerifyPassword(const SecretBuffer& password, std::string_view encoded);

}  // namespace strongroom::crypto
