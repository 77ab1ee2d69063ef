#include "cloudhsm/certificates.h"

#include "crypto/certificate.h"

namespace strongroom::cloudhsm {
namespace {

constexpr std::size_t kMaxPemChars = 5000;  // CloudHSMv2 API Reference, InitializeCluster
constexpr std::chrono::minutes kSkew{5};

Error Refuse(std::string_view input, std::string_view text) {
  return Error(Errc::kInvalidArgument, "The " + std::string(input) + std::string(text));
}

Status CheckAnchorKey(const crypto::Certificate& anchor) {
  const auto key = anchor.public_key();
  if (!key.ok() || !crypto::IsRsa(key->spec())) {
    return Refuse("TrustAnchor", " key must be RSA 2048 or RSA 4096.");
  }
  return {};
}

Status CheckUse(std::string_view input, const crypto::Certificate& certificate,
                std::chrono::system_clock::time_point now) {
  if (certificate.not_before() > now + kSkew || certificate.not_after() < now) {
    return Refuse(input, " is not within its validity period.");
  }
  const std::string& digest = certificate.signature_digest();
  if (digest != "SHA256" && digest != "SHA384" && digest != "SHA512" && digest != "SHA224") {
    return Refuse(input, " uses an unsupported signature algorithm.");
  }
  return {};
}

}  // namespace

Status CheckInitialization(std::string_view csr_pem, std::string_view signed_cert_pem,
                           std::string_view trust_anchor_pem, std::chrono::system_clock::time_point now) {
  const auto certificate = crypto::Certificate::FromPem(signed_cert_pem, kMaxPemChars);
  if (!certificate.ok()) return Refuse("SignedCert", " is not a valid PEM-encoded certificate.");
  const auto anchor = crypto::Certificate::FromPem(trust_anchor_pem, kMaxPemChars);
  if (!anchor.ok()) return Refuse("TrustAnchor", " is not a valid PEM-encoded certificate.");
  if (!anchor->IsSelfSigned()) return Refuse("TrustAnchor", " is not a self-signed certificate.");
  SR_CHECK(CheckAnchorKey(*anchor));
  if (!certificate->VerifyIssuedBy(*anchor).ok()) return Refuse("SignedCert", " was not issued by the TrustAnchor.");
  SR_TRY(const auto csr, crypto::ParseCsr(csr_pem));
  if (certificate->public_key_spki() != csr.public_key_spki) {
    return Refuse("SignedCert", " public key does not match the cluster CSR.");
  }
  if (!(certificate->subject() == csr.subject)) return Refuse("SignedCert", " subject does not match the cluster CSR.");
  SR_CHECK(CheckUse("SignedCert", *certificate, now));
  return CheckUse("TrustAnchor", *anchor, now);
}

Result<std::string> NormalPem(std::string_view pem) {
  if (pem.empty()) return std::string();
  SR_TRY(const auto certificate, crypto::Certificate::FromPem(pem, kMaxPemChars));
  return certificate.ToPem();
}

Result<Bytes> PemToDer(std::string_view pem) {
  if (pem.empty()) return Bytes();
  SR_TRY(const auto certificate, crypto::Certificate::FromPem(pem, 20'000));
  return certificate.ToDer();
}

Result<std::string> DerToPem(ByteView der) {
  if (der.empty()) return std::string();
  SR_TRY(const auto certificate, crypto::Certificate::FromDer(der));
  return certificate.ToPem();
}

std::string CsrToPem(ByteView der) {
  if (der.empty()) return {};
  constexpr std::size_t kLine = 64;  // RFC 7468, section 2
  const std::string text = Base64(der);
  std::string pem = "-----BEGIN CERTIFICATE REQUEST-----\n";
  for (std::size_t at = 0; at < text.size(); at += kLine) pem += text.substr(at, kLine) + "\n";
  return pem + "-----END CERTIFICATE REQUEST-----\n";
}

}  // namespace strongroom::cloudhsm
