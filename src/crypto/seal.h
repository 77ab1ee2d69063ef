#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "secret/secret_buffer.h"

namespace strongroom::crypto {

/// What sealing adds: salt (32) in front, tag (16) behind.
inline constexpr std::size_t kSealSaltBytes = 32;
inline constexpr std::size_t kSealTagBytes = 16;
inline constexpr std::size_t kSealOverheadBytes = kSealSaltBytes + kSealTagBytes;
inline constexpr std::size_t SealedSize(std::size_t plaintext_bytes) noexcept {
  return plaintext_bytes + kSealOverheadBytes;
}

/// The one sealing form of this project: salt (32, fresh random) || ciphertext || tag (16), where the AES-256-GCM key
/// is HKDF-SHA-256(input = secret, salt, info) and is used for this one message, so the IV is twelve zero bytes.
///
/// Promise   confidential and tamper-evident for any number of messages per secret; `info` and `aad` must be the same
///           when opening. `info` separates purposes (put cluster, epoch and number there), `aad` is data to bind.
/// Errors    kInvalidArgument  an empty secret, or over 1 GiB of plaintext; kInternal  OpenSSL refused.
/// Threads   any number of calls at once may share `secret`.
/// Source    RFC 5869; NIST SP 800-38D.
[[nodiscard]] Result<Bytes> Seal(const SecretBuffer& secret, ByteView info, ByteView aad, ByteView plaintext);
/// The same for a plaintext that is itself a secret.
[[nodiscard]] Result<Bytes> SealSecret(const SecretBuffer& secret, ByteView info, ByteView aad,
                                       const SecretBuffer& plaintext);
/// The same into `out`, which must be exactly SealedSize(plaintext.size()) and may not overlap the plaintext.
Status SealInto(const SecretBuffer& secret, ByteView info, ByteView aad, ByteView plaintext,
                std::span<std::uint8_t> out);
Status SealSecretInto(const SecretBuffer& secret, ByteView info, ByteView aad, const SecretBuffer& plaintext,
                      std::span<std::uint8_t> out);

/// Opens what Seal made.
/// Errors: kBadCiphertext with one constant text for every way in which the input can be wrong (too short, tampered,
/// other secret, info or aad). Otherwise as Seal. On failure no plaintext byte remains in `out`.
[[nodiscard]] Result<SecretBuffer> Open(const SecretBuffer& secret, ByteView info, ByteView aad, ByteView sealed);
/// For plaintexts that are not secret (records of public state). `out` must be sealed.size() - kSealOverheadBytes.
Status OpenInto(const SecretBuffer& secret, ByteView info, ByteView aad, ByteView sealed, std::span<std::uint8_t> out);
[[nodiscard]] Result<Bytes> OpenToBytes(const SecretBuffer& secret, ByteView info, ByteView aad, ByteView sealed);

}  // namespace strongroom::crypto
