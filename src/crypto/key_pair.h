#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "secret/secret_buffer.h"

namespace strongroom::crypto {

/// SM2 is GB/T 32918 on its one curve. ML-DSA (FIPS 204) needs OpenSSL 3.5: see Available.
enum class KeySpec : std::uint8_t {
  kRsa2048,
  kRsa3072,
  kRsa4096,
  kP256,
  kP384,
  kP521,
  kSecp256k1,
  kEd25519,
  kSm2,
  kMlDsa44,
  kMlDsa65,
  kMlDsa87,
};
/// Whether the OpenSSL that this process runs with has keys of this kind.
bool Available(KeySpec spec) noexcept;
bool IsRsa(KeySpec spec) noexcept;
bool IsEc(KeySpec spec) noexcept;  // the Weierstrass curves of ECDSA and ECDH: neither Ed25519 nor SM2
bool IsMlDsa(KeySpec spec) noexcept;
/// "RSA-2048", "P-256", "secp256k1", "Ed25519": for logs and messages.
std::string_view Name(KeySpec spec) noexcept;

/// PSS: MGF1 with the same hash, salt as long as the hash (what KMS does). ECDSA signatures are DER (RFC 3279).
enum class SignatureScheme : std::uint8_t {
  kPkcs1Sha256,
  kPkcs1Sha384,
  kPkcs1Sha512,
  kPssSha256,
  kPssSha384,
  kPssSha512,
  kEcdsaSha256,
  kEcdsaSha384,
  kEcdsaSha512,
  kEd25519,      // pure; kRaw only
  kPkcs1NoHash,  // the caller's DigestInfo padded as it is (PKCS#11 CKM_RSA_PKCS); kDigest only
  kEcdsaNoHash,  // any digest of 1..64 bytes (PKCS#11 CKM_ECDSA); kDigest only
  kEd25519Ph,    // RFC 8032 Ed25519ph: hashes the message with SHA-512 itself; kRaw only, whatever the message is
  kSm2Dsa,       // SM3, distinguishing id 1234567812345678; a digest is SM3 over Z and message
  kMlDsa,        // FIPS 204 with an empty context text; kRaw or kExternalMu
};
std::string_view Name(SignatureScheme scheme) noexcept;

/// Whether the input of Sign and Verify is the message, already its digest, or ML-DSA's message representative mu.
enum class MessageForm : std::uint8_t { kRaw, kDigest, kExternalMu };

/// Hash and MGF1 hash of RSA-OAEP (RFC 8017).
enum class OaepHash : std::uint8_t { kSha1, kSha256 };

/// A public key. Copies share one immutable key; const use is thread-safe.
class PublicKey {
 public:
  /// From DER SubjectPublicKeyInfo. Errors: kInvalidArgument not parseable or trailing bytes; kUnsupported a key of a
  /// kind or size outside KeySpec.
  static Result<PublicKey> FromSpki(ByteView der);
  /// From big-endian numbers, as PKCS#11 has them.
  static Result<PublicKey> FromRsa(ByteView modulus, ByteView exponent);
  /// From the point: SEC 1 uncompressed or compressed; for Ed25519 the 32 bytes.
  static Result<PublicKey> FromPoint(KeySpec spec, ByteView point);

  KeySpec spec() const noexcept;
  /// DER SubjectPublicKeyInfo.
  const Bytes& ToSpki() const noexcept;
  /// RSA only; empty otherwise. Big-endian, no leading zeros.
  Bytes RsaModulus() const;
  Bytes RsaExponent() const;
  /// EC and SM2: uncompressed SEC 1 point; Ed25519: 32 bytes; empty otherwise.
  Bytes Point() const;

  /// Errors: kBadSignature when it does not verify; kWrongKeyUsage when the scheme does not fit the key;
  /// kInvalidArgument when a digest has the wrong size for the scheme.
  Status Verify(SignatureScheme scheme, MessageForm form, ByteView message, ByteView signature) const;
  Status VerifySecret(SignatureScheme scheme, MessageForm form, const SecretBuffer& message, ByteView signature) const;

  /// RSA-OAEP. Errors: kInvalidArgument when plaintext is longer than MaxOaepBytes; kWrongKeyUsage when not RSA.
  Result<Bytes> EncryptOaep(OaepHash hash, ByteView label, const SecretBuffer& plaintext) const;
  /// Key bytes - 2 * hash - 2; 0 when not RSA.
  std::size_t MaxOaepBytes(OaepHash hash) const noexcept;
  /// SM2 encryption with SM3 (GB/T 32918.4), as DER of GM/T 0009. Errors: kInvalidArgument when plaintext is empty or
  /// longer than kMaxSm2Bytes; kWrongKeyUsage when the key is not SM2.
  Result<Bytes> EncryptSm2(const SecretBuffer& plaintext) const;

  friend bool operator==(const PublicKey& a, const PublicKey& b) { return a.ToSpki() == b.ToSpki(); }

  struct Impl;
  explicit PublicKey(std::shared_ptr<const Impl> impl) noexcept : impl_(std::move(impl)) {}

 private:
  friend class OpenSslBridge;
  std::shared_ptr<const Impl> impl_;
};

/// KMS's limit for SM2PKE.
inline constexpr std::size_t kMaxSm2Bytes = 1024;

/// How much of a private key is checked when it is read. kFull tests primes too (50 to 300 ms for RSA) and is for
/// foreign keys; kParseOnly is for keys that this program wrote and sealed itself.
enum class KeyCheck : std::uint8_t { kFull, kParseOnly };

/// A private key. Copies share one immutable key; const use is thread-safe. Private-key work takes 15 µs (P-256) to
/// several ms (RSA-4096), so it belongs on the crypto pool and not on an event loop.
class PrivateKey {
 public:
  /// RSA takes 0.1 to several seconds. Errors: kUnsupported when this OpenSSL has no such keys; kInternal when it
  /// fails.
  static Result<PrivateKey> Generate(KeySpec spec);
  /// From DER PKCS#8 PrivateKeyInfo (RFC 5958, version 1), unencrypted.
  /// Errors: kInvalidArgument not parseable, trailing bytes, or an inconsistent key; kUnsupported outside KeySpec.
  static Result<PrivateKey> FromPkcs8(const SecretBuffer& der, KeyCheck check = KeyCheck::kFull);
  /// From PEM text ("PRIVATE KEY", "RSA PRIVATE KEY" or "EC PRIVATE KEY", unencrypted), as files hold it.
  static Result<PrivateKey> FromPem(const SecretBuffer& pem);

  KeySpec spec() const noexcept;
  /// DER PKCS#8 PrivateKeyInfo, version 1.
  Result<SecretBuffer> ToPkcs8() const;
  /// PEM "PRIVATE KEY" text.
  Result<SecretBuffer> ToPem() const;
  const PublicKey& public_key() const noexcept;

  /// Errors: kWrongKeyUsage when the scheme does not fit the key; kInvalidArgument when a digest has the wrong size.
  Result<Bytes> Sign(SignatureScheme scheme, MessageForm form, ByteView message) const;
  Result<Bytes> SignSecret(SignatureScheme scheme, MessageForm form, const SecretBuffer& message) const;

  /// RSA-OAEP. Errors: kBadCiphertext with a constant text, whatever was wrong; kWrongKeyUsage when not RSA.
  Result<SecretBuffer> DecryptOaep(OaepHash hash, ByteView label, ByteView ciphertext) const;
  /// Errors: as DecryptOaep; kWrongKeyUsage when not SM2.
  Result<SecretBuffer> DecryptSm2(ByteView ciphertext) const;

  /// ECDH: the x coordinate of the shared point (NIST SP 800-56A, 5.7.1.2). Errors: kWrongKeyUsage when not EC;
  /// kInvalidArgument when the peer's key is on another curve.
  Result<SecretBuffer> Agree(const PublicKey& peer) const;

  struct Impl;
  explicit PrivateKey(std::shared_ptr<const Impl> impl) noexcept : impl_(std::move(impl)) {}

 private:
  friend class OpenSslBridge;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace strongroom::crypto
