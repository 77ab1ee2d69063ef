#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "secret/secret_buffer.h"

namespace strongroom::crypto {

/// HKDF with SHA-256, extract and expand (RFC 5869). An empty salt means 32 zero bytes, as the RFC says.
/// Errors: kInvalidArgument for size_bytes 0 or over 255 * 32; kResourceExhausted from the locked pool.
Result<SecretBuffer> HkdfSha256(const SecretBuffer& input_key, ByteView salt, ByteView info, std::size_t size_bytes);

}  // namespace strongroom::crypto
