#pragma once

#include "crypto/certificate.h"
#include "crypto/internal/openssl.h"

namespace strongroom::crypto {

struct Certificate::Impl {
  X509Ptr x509;
  Bytes der, spki;
  DistinguishedName subject, issuer;
  std::chrono::system_clock::time_point not_before, not_after;
  std::string serial, signature_digest, subject_hash;
  Sha256Digest fingerprint;
};

Result<DistinguishedName> ReadName(const X509_NAME* name);
/// Everything the accessors answer, read once.
Result<Certificate> MakeCertificate(X509Ptr x509);

}  // namespace strongroom::crypto
