#pragma once

#include <openssl/ssl.h>

#include <filesystem>
#include <vector>

#include "channel/tls_context.h"

namespace strongroom::channel {

/// Whom one TLS end believes. Owned by its SSL_CTX, so that it lives as long as the last connection made from it.
struct TrustRule {
  std::vector<crypto::Certificate> exact;  // the peer's certificate is one of these
  std::filesystem::path exact_directory;   // or lies here as <subject hash>.<digit>
  bool exact_must_be_self_signed = false;
  std::vector<crypto::Certificate> issuers;  // or was issued directly by one of these
  CertificateCheck check;                    // or this takes it
};

/// Makes `context` verify its peers by `rule` alone. `mode` is OpenSSL's SSL_VERIFY_... set.
Status InstallTrust(SSL_CTX* context, TrustRule rule, int mode);

/// The reason for which the rule refused the peer, for Error texts; "" when it did not.
std::string_view RefusalReason(const SSL* ssl) noexcept;

}  // namespace strongroom::channel
