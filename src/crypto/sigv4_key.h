#pragma once

#include <string_view>

#include "secret/secret_buffer.h"

namespace strongroom::crypto {

/// What a SigV4 signing key is good for. Views.
struct SigningScope {
  std::string_view date;  // YYYYMMDD
  std::string_view region, service;
};

/// HMAC(HMAC(HMAC(HMAC(start, date), region), service), "aws4_request"), all with SHA-256; `start` is "AWS4" before the
/// secret access key. Errors: those of the locked pool.
/// Source: AWS General Reference, "Create a signed AWS API request", step 3.
Result<SecretBuffer> DeriveSigningKey(const SecretBuffer& start, const SigningScope& scope);

}  // namespace strongroom::crypto
