#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "secret/secret_buffer.h"
#include "secret/secret_vector.h"

namespace strongroom::hsm {

/// A secret that several states (the one in force and the one being decided) refer to.
using SharedSecret = std::shared_ptr<const SecretBuffer>;
inline SharedSecret Share(SecretBuffer secret) { return std::make_shared<const SecretBuffer>(std::move(secret)); }

/// The one place of the HSM that looks into key material itself, in order to seal it for disk, log, backup or token.
/// Threads   any.
class VaultSealer {
 public:
  /// Appends `u32 n, bytes` to a plaintext that is going to be sealed and is wiped when freed.
  static void AppendSegment(SecretBytes& plaintext, const SecretBuffer& secret);
  /// Whether two secrets are the same can be told by this; it never leaves the HSM.
  static crypto::Sha256Digest DigestOf(const SecretBuffer& secret);
  /// `kind | material`, the plaintext of a key token (docs/formats.md 5). Errors: kResourceExhausted.
  static Result<SecretBuffer> WithKind(std::uint8_t kind, const SecretBuffer& material);
  /// The reverse. Errors: kBadCiphertext when empty.
  static Result<std::pair<std::uint8_t, SecretBuffer>> SplitKind(const SecretBuffer& plaintext);
  /// `before | secret | after`. Errors: kResourceExhausted.
  static Result<SecretBuffer> Between(ByteView before, const SecretBuffer& secret, ByteView after);
  /// Each byte as one of the 64 letters of AWS's secret access keys, each with equal chance. Errors:
  /// kResourceExhausted.
  static Result<SecretBuffer> AsLetters(const SecretBuffer& random);
};

}  // namespace strongroom::hsm
