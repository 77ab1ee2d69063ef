#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "secret/secret_buffer.h"

namespace strongroom::crypto {

/// Fills `out` from OpenSSL's private DRBG, by way of a wiped 4 KiB reserve per thread, so that small draws do not each
/// pay for a DRBG call. Bytes are handed out once and wiped from the reserve; a forked child starts with an empty one.
/// Errors: kInternal when the DRBG fails; `out` is then all zeros and must not be used.
Status Random(std::span<std::uint8_t> out);

/// `size_bytes` fresh random bytes in secret memory.
Result<SecretBuffer> RandomSecret(std::size_t size_bytes);

}  // namespace strongroom::crypto
