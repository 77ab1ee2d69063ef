#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "secret/secret_buffer.h"

namespace strongroom::crypto {

// HKDF's two halves (RFC 5869), for formats that expand one pseudo-random key several times.

/// The pseudo-random key, as long as the digest. An empty salt means zero bytes of that length, as the RFC says.
Result<SecretBuffer> HkdfExtract(Digest digest, const SecretBuffer& input_key, ByteView salt);
/// Errors: kInvalidArgument for size_bytes 0 or over 255 digests.
Result<SecretBuffer> HkdfExpand(Digest digest, const SecretBuffer& pseudo_random_key, ByteView info,
                                std::size_t size_bytes);
/// The same where the output is made to be shown (a key commitment).
Result<Bytes> HkdfExpandPublic(Digest digest, const SecretBuffer& pseudo_random_key, ByteView info,
                               std::size_t size_bytes);

}  // namespace strongroom::crypto
