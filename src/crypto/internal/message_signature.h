#pragma once

#include "crypto/internal/openssl.h"

namespace strongroom::crypto {

/// How a scheme that takes the whole message is asked of OpenSSL.
struct WholeMessage {
  const char* digest = nullptr;       // SM3 for SM2; null where the scheme has its own
  std::string_view distinguishing{};  // SM2's id of the signer
  bool mu = false;                    // ML-DSA: the input is the message representative (FIPS 204, algorithm 7, line 6)
};
Result<Bytes> SignWhole(EVP_PKEY* key, const WholeMessage& how, ByteView message);
/// OpenSSL's verdict: 1 when it verifies. Errors: kInternal when it cannot even begin.
Result<int> VerifyWhole(EVP_PKEY* key, const WholeMessage& how, ByteView message, ByteView signature);

/// Ed25519ph (RFC 8032, 5.1), which OpenSSL 3.0 lacks and libsodium has.
Result<Bytes> SignPrehashed(const EVP_PKEY* key, ByteView message);
bool VerifyPrehashed(const EVP_PKEY* key, ByteView message, ByteView signature);

}  // namespace strongroom::crypto
