#pragma once

#include "crypto/key_pair.h"

namespace strongroom::crypto {

/// A secret for the owner of an RSA key: DER CMS EnvelopedData with one recipient, named by the SHA-1 of its public key
/// (RFC 5280, 4.2.1.2 (1)); the content key under RSAES-OAEP with SHA-256 and MGF1-SHA-256, the content under
/// AES-256-CBC.
/// Errors    kWrongKeyUsage when the key is not RSA.
/// Source    RFC 5652, section 6; RFC 3560.
Result<Bytes> SealEnvelope(const PublicKey& recipient, const SecretBuffer& content);

}  // namespace strongroom::crypto
