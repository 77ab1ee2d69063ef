#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "secret/secret_buffer.h"

namespace strongroom::crypto {

/// Codes of a virtual MFA device: HMAC-SHA-1, six digits, steps of 30 seconds, as every authenticator program makes
/// them. Source: RFC 6238, RFC 4226.
inline constexpr std::int64_t kTotpStepSeconds = 30;

/// 40 random bytes. Errors: kResourceExhausted, kInternal.
Result<SecretBuffer> NewTotpSeed();
/// The seed as people type it: base32 (RFC 4648) without padding.
Result<SecretBuffer> TotpSeedText(const SecretBuffer& seed);
/// Calls `use` with `before` and the seed as people type it, as one text that is wiped after: for who draws it.
/// Errors: kResourceExhausted; those of `use`.
Status WithTotpText(std::string_view before, const SecretBuffer& seed, const std::function<Status(const char*)>& use);
/// The earliest step from `first` to `last`, both included, whose code this is. Every step is tried and compared in
/// constant time. At most 10,000 steps.
std::optional<std::int64_t> FindTotpStep(const SecretBuffer& seed, std::string_view code, std::int64_t first,
                                         std::int64_t last);

}  // namespace strongroom::crypto
