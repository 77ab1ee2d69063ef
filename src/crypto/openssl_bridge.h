#pragma once

#include "crypto/certificate.h"
#include "crypto/key_pair.h"

struct evp_pkey_st;
struct x509_st;

namespace strongroom::crypto {

/// Where our key and certificate types meet OpenSSL's, for TLS (src/channel and the HTTPS server) only. Pointers are
/// borrowed and live as long as the object; OpenSSL takes its own references. They are never changed.
class OpenSslBridge {
 public:
  static evp_pkey_st* Get(const PrivateKey& key) noexcept;
  static evp_pkey_st* Get(const PublicKey& key) noexcept;
  static x509_st* Get(const Certificate& certificate) noexcept;
  /// Copies, for a peer certificate that TLS hands out. Errors: kInvalidArgument.
  static Result<Certificate> FromX509(x509_st* certificate);
};

}  // namespace strongroom::crypto
