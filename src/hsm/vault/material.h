#pragma once

#include <array>
#include <cstdint>

#include "base/result.h"
#include "secret/secret_buffer.h"

namespace strongroom::hsm {

/// What the vault computes from the bytes of a key itself.
class VaultMaterial {
 public:
  /// First three bytes of AES-ECB of a zero block under a key of 16, 24 or 32 bytes (PKCS#11 CKA_CHECK_VALUE).
  /// Errors: kInvalidArgument for another size; kInternal.
  static Result<std::array<std::uint8_t, 3>> AesCheckValue(const SecretBuffer& key);
};

}  // namespace strongroom::hsm
