#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/kms_algorithms.h"

namespace strongroom::crypto {

// How key material comes to KMS from elsewhere: KMS's names of wrapping keys and algorithms, unwrapping, and what must
// be true of the material. Source: KMS API Reference, GetParametersForImport; spec/kms.md 5.1.

/// KMS's limit for import tokens and for wrapped material.
inline constexpr std::size_t kMaxWrappedBytes = 6144;

struct WrappingAlgorithm {
  std::string_view name;
  std::optional<OaepHash> oaep{};  // empty: SM2 encryption
  bool aes_key_wrap = false;       // OAEP wraps an AES-256 key, and that the material with RFC 5649
};
/// Null for every other text, and for RSAES_PKCS1_V1_5, which is no longer taken.
const WrappingAlgorithm* FindWrappingAlgorithm(std::string_view name) noexcept;
/// RSA_2048, RSA_3072, RSA_4096, SM2.
std::optional<KeySpec> FindWrappingSpec(std::string_view name) noexcept;
/// Whether material of this spec can come under such a wrapping key in this way.
bool CanWrap(const KmsSpec& material, const WrappingAlgorithm& algorithm, KeySpec wrapping_key) noexcept;

/// Errors: kBadCiphertext with one text for whatever is wrong; a wrapped AES key that does not open costs the time of
/// one that does.
Result<SecretBuffer> Unwrap(const WrappingAlgorithm& algorithm, const PrivateKey& wrapping_key, ByteView wrapped);

/// Material that a key of KMS can have.
struct ForeignMaterial {
  SecretBuffer material;           // raw bytes, or PKCS#8 as this program writes it
  std::optional<PrivateKey> pair;  // asymmetric specs
};
/// Errors: kIncorrectKeyMaterial with one text when it is not what the spec takes; kUnsupported.
Result<ForeignMaterial> ReadForeignMaterial(const KmsSpec& spec, SecretBuffer unwrapped);

/// 64 hex digits: HMAC-SHA-256 under `secret` (docs/formats.md 16), the same for the same key id and material for ever
/// and in every Region. An asymmetric key counts by its public half, which determines the private one.
std::string MaterialIdOf(const SecretBuffer& secret, std::string_view account, std::string_view key_id,
                         std::string_view spec, const ForeignMaterial& material);

}  // namespace strongroom::crypto
