#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "secret/secret_buffer.h"

namespace strongroom::crypto {

/// AES-GCM with the parameters of the caller (NIST SP 800-38D): what PKCS#11 and CloudHSM callers ask for by name. Our
/// own data is sealed with seal.h, which leaves no IV to choose.
struct GcmParams {
  ByteView iv;  // 1..128 bytes; 12 is what everyone should use
  ByteView aad;
  std::size_t tag_bytes = 16;  // 4, 8 or 12..16
};

/// ciphertext || tag. Key of 16, 24 or 32 bytes. Never use one IV twice with one key.
/// Errors: kInvalidArgument for sizes outside the above.
[[nodiscard]] Result<Bytes> AesGcmEncrypt(const SecretBuffer& key, const GcmParams& params, ByteView plaintext);
[[nodiscard]] Result<Bytes> AesGcmEncrypt(const SecretBuffer& key, const GcmParams& params,
                                          const SecretBuffer& plaintext);
/// `sealed` is ciphertext || tag. Errors: kInvalidArgument for sizes, kBadCiphertext when the tag does not fit.
[[nodiscard]] Result<SecretBuffer> AesGcmDecrypt(const SecretBuffer& key, const GcmParams& params, ByteView sealed);

}  // namespace strongroom::crypto
