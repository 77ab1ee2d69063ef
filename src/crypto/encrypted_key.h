#pragma once

#include "crypto/key_pair.h"

namespace strongroom::crypto {

/// A private key as PEM "ENCRYPTED PRIVATE KEY": PKCS#8 under PBES2 with scrypt (N = 2^14, r = 8, p = 1, 16 MiB) and
/// AES-256-CBC, which `openssl pkey` reads.
/// Errors: kInvalidArgument for an empty passphrase or one over 1024 bytes; kInternal.
/// Source: RFC 5958, RFC 7914, RFC 8018.
Result<SecretBuffer> ToEncryptedPem(const PrivateKey& key, const SecretBuffer& passphrase);

/// Whether a PEM text is a private key that needs a passphrase.
bool IsEncryptedPem(const SecretBuffer& pem);
/// OpenSSL's form from before PKCS #8, whose key comes from the passphrase by one round of MD5. Not read here.
bool IsTraditionalEncryptedPem(const SecretBuffer& pem);

/// The reverse of ToEncryptedPem; other PBES2 files that OpenSSL reads are taken as well.
/// Errors: kAccessDenied a wrong passphrase, or a damaged file, which cannot be told apart; kInvalidArgument not such a
/// file; kUnsupported outside KeySpec.
Result<PrivateKey> FromEncryptedPem(const SecretBuffer& pem, const SecretBuffer& passphrase);

}  // namespace strongroom::crypto
