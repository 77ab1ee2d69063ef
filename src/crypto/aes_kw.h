#pragma once

#include "base/bytes.h"
#include "secret/secret_buffer.h"

namespace strongroom::crypto {

/// AES key wrap of `key` under `wrapping_key` (16, 24 or 32 bytes), without (RFC 3394) and with padding (RFC 5649).
/// Errors: kInvalidArgument: wrapping key size; for RFC 3394 a key not of 16, 24, ... bytes; for 5649 an empty key.
[[nodiscard]] Result<Bytes> AesKeyWrap(const SecretBuffer& wrapping_key, const SecretBuffer& key);
[[nodiscard]] Result<Bytes> AesKeyWrapPadded(const SecretBuffer& wrapping_key, const SecretBuffer& key);

/// Errors: kInvalidArgument for the wrapping key; kBadCiphertext for every fault of `wrapped`, its size included.
[[nodiscard]] Result<SecretBuffer> AesKeyUnwrap(const SecretBuffer& wrapping_key, ByteView wrapped);
[[nodiscard]] Result<SecretBuffer> AesKeyUnwrapPadded(const SecretBuffer& wrapping_key, ByteView wrapped);

}  // namespace strongroom::crypto
