#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "secret/secret_buffer.h"

namespace strongroom::crypto {

/// What a password policy asks of a password. Characters are code points of UTF-8.
struct PasswordShape {
  std::size_t characters = 0;
  bool lower = false, upper = false, digit = false, symbol = false;
};
PasswordShape ShapeOf(const SecretBuffer& password) noexcept;

/// Argon2id (RFC 9106) by libsodium: three passes over 64 MiB, about 150 ms, so it belongs on a bounded worker. The
/// result is libsodium's text, which holds all that verifying needs. Errors: kResourceExhausted.
Result<std::string> HashLoginPassword(const SecretBuffer& password);
/// Whether the password is the one hashed; in constant time. False for a text that is no hash.
bool VerifyLoginPassword(const SecretBuffer& password, const std::string& hash) noexcept;

}  // namespace strongroom::crypto
