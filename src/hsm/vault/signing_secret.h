#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "crypto/sigv4_key.h"
#include "secret/secret_buffer.h"

namespace strongroom::hsm {

// Secret access keys (docs/formats.md 17): made here, sealed under a key of the domain, and used here only, to derive
// the signing key of one day, Region and service.

inline constexpr std::size_t kMaxSigningBindingBytes = 1024;
inline constexpr std::size_t kMaxSigningClaimBytes = 16 * 1024;

/// Whose a secret is and until when; authenticated with it. The view outlives the call only.
struct SigningTerms {
  std::string_view binding;
  std::int64_t expires_millis = 0;  // 0: never
};

/// 40 characters of AWS's alphabet: 240 random bits.
Result<SecretBuffer> NewSecretAccessKey();

/// Errors: kInvalidArgument sizes.
Result<Bytes> SealSigningSecret(const SecretBuffer& material, const SigningTerms& terms, const SecretBuffer& secret,
                                std::string_view claims);

struct OpenedSigningSecret {
  SecretBuffer secret;
  Bytes claims;
};
/// Errors: kBadCiphertext for other terms, another key or damage; kInvalidArgument sizes.
Result<OpenedSigningSecret> OpenSigningSecret(const SecretBuffer& material, const SigningTerms& terms,
                                              std::string_view sealed);

/// Whether a signing key of that scope may leave the HSM now. Errors: kExpiredToken the terms are over;
/// kInvalidArgument a day that is none, or too far from today; a Region or service of no or more than 64 bytes.
Status CheckSigningScope(const crypto::SigningScope& scope, const SigningTerms& terms, std::int64_t now_millis);

}  // namespace strongroom::hsm
