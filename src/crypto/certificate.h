#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "crypto/key_pair.h"

namespace strongroom::crypto {

/// One attribute of a distinguished name: OpenSSL's short or long type ("C", "CN", "emailAddress"), and its UTF-8
/// value, in which commas and slashes stand for themselves.
struct NameEntry {
  std::string type, value;
  friend bool operator==(const NameEntry&, const NameEntry&) = default;
};

/// A distinguished name: compare with ==, which compares DER.
struct DistinguishedName {
  Bytes der;
  std::vector<NameEntry> entries;
  /// OpenSSL's one-line form, "/C=US/CN=x".
  std::string OneLine() const;
  /// RFC 4514 order-preserving form as `openssl x509 -subject` prints it: "C = US, CN = x".
  std::string Printed() const;
  friend bool operator==(const DistinguishedName& a, const DistinguishedName& b) { return a.der == b.der; }
};

/// An X.509 certificate. Copies share one immutable certificate; const use is thread-safe. Source: RFC 5280.
class Certificate {
 public:
  /// Exactly one PEM certificate of at most max_chars characters; CRLF and blanks around it are tolerated, any other
  /// text or second block is not. Errors: kInvalidArgument.
  static Result<Certificate> FromPem(std::string_view pem, std::size_t max_chars = 5000);
  /// One DER certificate without trailing bytes. Errors: kInvalidArgument.
  static Result<Certificate> FromDer(ByteView der);

  std::string ToPem() const;
  const Bytes& ToDer() const noexcept;
  const DistinguishedName& subject() const noexcept;
  const DistinguishedName& issuer() const noexcept;
  /// DER SubjectPublicKeyInfo.
  const Bytes& public_key_spki() const noexcept;
  /// Errors: kUnsupported when the key is outside KeySpec.
  Result<PublicKey> public_key() const;
  std::chrono::system_clock::time_point not_before() const noexcept;
  std::chrono::system_clock::time_point not_after() const noexcept;
  /// Upper-case hex as `openssl x509 -serial` prints it.
  const std::string& serial() const noexcept;
  /// The digest of the signature algorithm as OpenSSL names it ("SHA256", "SHA1", "MD5"); "" when it has none.
  const std::string& signature_digest() const noexcept;
  /// 3 for version 3.
  int version() const noexcept;
  const Sha256Digest& fingerprint() const noexcept;
  /// The 8 hex digits by which OpenSSL names files in a certificate directory (openssl x509 -subject_hash).
  const std::string& subject_hash() const noexcept;
  /// Issuer equals subject and the signature verifies with its own key.
  bool IsSelfSigned() const;
  /// `issuer`'s subject is this one's issuer and its key verifies the signature. No extension is looked at, so version
  /// 1 certificates pass. Errors: kUntrusted.
  Status VerifyIssuedBy(const Certificate& issuer) const;

  friend bool operator==(const Certificate& a, const Certificate& b) { return a.ToDer() == b.ToDer(); }

  struct Impl;
  explicit Certificate(std::shared_ptr<const Impl> impl) noexcept : impl_(std::move(impl)) {}

 private:
  friend class OpenSslBridge;
  std::shared_ptr<const Impl> impl_;
};

enum class ExtendedUse { kServerAuth, kClientAuth };

/// What a new certificate says beside names and keys.
struct CertificateOptions {
  int days = 3652;
  bool ca = false;                        // basicConstraints CA:TRUE with keyCertSign
  std::vector<std::string> dns_names;     // subjectAltName
  std::vector<std::string> ip_addresses;  // subjectAltName, v4 or v6 in text
  std::vector<ExtendedUse> uses;
  Bytes serial;  // big-endian, at most 20 bytes; empty draws 16 random bytes
};

/// Signed with SHA-256 (Ed25519 with its own hash). Valid from an hour ago. Errors: kInvalidArgument for an empty or
/// unencodable subject, bad days, addresses or serial.
Result<Certificate> MakeSelfSigned(const std::vector<NameEntry>& subject, const PrivateKey& key,
                                   const CertificateOptions& options);
/// Errors: as above, and kInvalidArgument when issuer_key is not the issuer certificate's.
Result<Certificate> Issue(const std::vector<NameEntry>& subject, const PublicKey& key, const Certificate& issuer,
                          const PrivateKey& issuer_key, const CertificateOptions& options);

/// A PKCS#10 request without extensions, signed with SHA-256, as PEM (RFC 2986).
Result<std::string> MakeCsr(const std::vector<NameEntry>& subject, const PrivateKey& key);

struct CertificateRequest {
  DistinguishedName subject;
  Bytes public_key_spki;
};
/// Exactly one PEM request whose own signature verifies. Errors: kInvalidArgument, kBadSignature.
Result<CertificateRequest> ParseCsr(std::string_view pem, std::size_t max_chars = 5000);

}  // namespace strongroom::crypto
