#pragma once

#include <cstddef>

#include "crypto/key_pair.h"

namespace strongroom::crypto {

/// The largest PKCS#8 text that is looked at. RSA-4096 with attributes is far below.
inline constexpr std::size_t kMaxForeignKeyBytes = 4096;

/// A private key that was made elsewhere, from unencrypted DER PKCS#8 (RFC 5208): checked in full and built anew from
/// its numbers, so that what is stored does not depend on how it was encoded.
///
/// Checked   the algorithm and, for curves, the named curve; nothing stands behind the key or within it; RSA: exactly
/// two
///           primes of half the modulus each, e odd and at least 65537 (FIPS 186-5, A.1.1), d and the CRT numbers;
///           curves: the scalar in range and its public point.
/// Errors    kInvalidArgument with one text for whatever is wrong; kUnsupported for ML-DSA and for specs that this
///           OpenSSL has not. RSA takes 50 to 300 ms, so it belongs on a worker.
Result<PrivateKey> ReadForeignKey(KeySpec spec, const SecretBuffer& pkcs8);

}  // namespace strongroom::crypto
