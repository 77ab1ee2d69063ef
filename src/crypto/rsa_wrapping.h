#pragma once

#include "crypto/key_pair.h"

namespace strongroom::crypto {

/// Paddings under which RSA carries a short secret (RFC 8017). OAEP: MGF1 with the same hash, empty label.
enum class RsaPadding : std::uint8_t { kPkcs1V15, kOaepSha1, kOaepSha256, kOaepSha384, kOaepSha512 };

/// Errors: kInvalidArgument when the secret is too long for key and padding; kWrongKeyUsage when not RSA.
Result<Bytes> RsaWrap(const PublicKey& key, RsaPadding padding, const SecretBuffer& secret);
/// Errors: kBadCiphertext with a constant text, whatever was wrong; kWrongKeyUsage when not RSA.
Result<SecretBuffer> RsaUnwrap(const PrivateKey& key, RsaPadding padding, ByteView wrapped);

/// From PEM "PUBLIC KEY" text (SubjectPublicKeyInfo). Errors: kInvalidArgument (also when not RSA), kUnsupported.
Result<PublicKey> RsaPublicKeyFromPem(std::string_view pem);

}  // namespace strongroom::crypto
