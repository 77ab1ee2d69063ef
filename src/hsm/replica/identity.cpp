#include "hsm/replica/identity.h"

#include <chrono>

namespace strongroom::hsm::replica {
namespace {

constexpr std::string_view kCsrBegin = "-----BEGIN CERTIFICATE REQUEST-----\n";
constexpr std::string_view kCsrEnd = "-----END CERTIFICATE REQUEST-----\n";
constexpr std::size_t kPemLine = 64;
constexpr std::size_t kMaxCsrBytes = 4096;
constexpr int kTwentyYears = 7305;

using Time = std::chrono::system_clock::time_point;

Time At(std::int64_t millis) { return Time(std::chrono::milliseconds(millis)); }

constexpr auto kSkew = std::chrono::minutes(5);

bool IsValidAt(const crypto::Certificate& certificate, Time now) {
  return now + kSkew >= certificate.not_before() && now <= certificate.not_after();
}

std::vector<crypto::NameEntry> Subject(std::string common_name) {
  return {{"C", "US"},      {"ST", "CA"},     {"O", "Cavium"},
          {"OU", "N3FIPS"}, {"L", "SanJose"}, {"CN", std::move(common_name)}};
}

bool IsHardwareSubject(const std::vector<crypto::NameEntry>& entries) {
  if (entries.size() != 6) return false;
  const std::string& common_name = entries.back().value;
  constexpr std::string_view kPrefix = "HSM:";
  if (common_name.size() != kPrefix.size() + 30 || !common_name.starts_with(kPrefix)) return false;
  const std::string serial = common_name.substr(kPrefix.size());
  if (serial.find_first_not_of("0123456789ABCDEF") != std::string::npos) return false;
  return entries == HardwareSubject(serial);
}

Error Refuse(std::string text) { return Error(Errc::kInvalidArgument, std::move(text)); }

Result<Bytes> IssueHardware(const crypto::CertificateRequest& request, const crypto::PublicKey& key, const Bytes& root,
                            const SharedSecret& root_key) {
  SR_TRY(const auto issuer, crypto::Certificate::FromDer(root));
  SR_TRY(const auto issuer_key, crypto::PrivateKey::FromPkcs8(*root_key));
  crypto::CertificateOptions options;
  options.days = kTwentyYears - 1;
  options.ca = true;
  SR_TRY(const auto certificate, crypto::Issue(request.subject.entries, key, issuer, issuer_key, options));
  return certificate.ToDer();
}

std::string Text(const Bytes& bytes) { return std::string(AsText(bytes)); }

}  // namespace

std::vector<crypto::NameEntry> HardwareSubject(std::string_view serial) {
  return Subject("HSM:" + std::string(serial));
}

std::vector<crypto::NameEntry> PartitionSubject(std::string_view serial, std::uint32_t partition, bool fips) {
  return Subject("HSM:" + std::string(serial) + ":PARTN:" + std::to_string(partition) +
                 (fips ? ", for FIPS mode" : ", for non-FIPS mode"));
}

std::vector<crypto::NameEntry> BackupKeySubject() { return {{"O", "Strongroom"}, {"CN", "Strongroom Backup Key"}}; }

Result<Bytes> CsrPemToDer(std::string_view pem) {
  const auto begin = pem.find(kCsrBegin), end = pem.find(kCsrEnd);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin)
    return Refuse("The certificate request is not PEM.");
  const std::string_view body = pem.substr(begin + kCsrBegin.size(), end - begin - kCsrBegin.size());
  std::string base64;
  for (const char c : body)
    if (c != '\n' && c != '\r') base64.push_back(c);
  return FromBase64(base64);
}

std::string CsrDerToPem(ByteView der) {
  const std::string base64 = Base64(der);
  std::string pem(kCsrBegin);
  for (std::size_t at = 0; at < base64.size(); at += kPemLine) pem += base64.substr(at, kPemLine) + "\n";
  pem += kCsrEnd;
  return pem;
}

Result<proto::CertifyDeviceReply> CertifyDevice(const Identity& identity, ByteView device_csr) {
  if (!identity.domain || !identity.manufacturer_key || !identity.aws_root_key)
    return Error(Errc::kUnsupported, "Only the domain cluster certifies devices.");
  if (device_csr.empty() || device_csr.size() > kMaxCsrBytes)
    return Refuse("The device's certificate request has an impossible size.");
  SR_TRY(const auto request, crypto::ParseCsr(CsrDerToPem(device_csr), 2 * kMaxCsrBytes));
  SR_TRY(const auto key, crypto::PublicKey::FromSpki(request.public_key_spki));
  if (key.spec() != crypto::KeySpec::kRsa2048) return Refuse("A device key must be RSA 2048.");
  if (!IsHardwareSubject(request.subject.entries)) return Refuse("The request's subject is not a device's.");
  proto::CertifyDeviceReply reply;
  SR_TRY(const Bytes aws, IssueHardware(request, key, identity.aws_root, identity.aws_root_key));
  SR_TRY(const Bytes manufacturer, IssueHardware(request, key, identity.manufacturer_root, identity.manufacturer_key));
  reply.set_aws_hardware_certificate(Text(aws));
  reply.set_manufacturer_hardware_certificate(Text(manufacturer));
  reply.set_aws_root(Text(identity.aws_root));
  reply.set_manufacturer_root(Text(identity.manufacturer_root));
  reply.set_backup_certificate(Text(identity.backup_certificate));
  return reply;
}

Result<Bytes> MakeHsmCertificate(const Device& device, const Identity& identity) {
  if (!device.has_key() || device.certificates().manufacturer_hardware.empty())
    return Error(Errc::kInvalidState, "This HSM's device key has no certificate yet.");
  SR_TRY(const auto hardware, crypto::Certificate::FromDer(device.certificates().manufacturer_hardware));
  SR_TRY(const auto cluster_key, crypto::PrivateKey::FromPkcs8(*identity.cluster_key));
  crypto::CertificateOptions options;
  options.days = kTwentyYears - 2;
  SR_TRY(const auto certificate, crypto::Issue(PartitionSubject(identity.hsm_serial, identity.partition, identity.fips),
                                               cluster_key.public_key(), hardware, device.key(), options));
  return certificate.ToDer();
}

Status CheckDeviceCertificates(const Device::Certificates& certificates, const crypto::PublicKey& device_key) {
  SR_TRY(const auto aws_root, crypto::Certificate::FromDer(certificates.aws_root));
  SR_TRY(const auto manufacturer_root, crypto::Certificate::FromDer(certificates.manufacturer_root));
  SR_TRY(const auto aws, crypto::Certificate::FromDer(certificates.aws_hardware));
  SR_TRY(const auto manufacturer, crypto::Certificate::FromDer(certificates.manufacturer_hardware));
  if (!aws_root.IsSelfSigned() || !manufacturer_root.IsSelfSigned())
    return Error(Errc::kUntrusted, "A root certificate is not self-signed.");
  SR_CHECK(aws.VerifyIssuedBy(aws_root));
  SR_CHECK(manufacturer.VerifyIssuedBy(manufacturer_root));
  if (aws.public_key_spki() != device_key.ToSpki() || manufacturer.public_key_spki() != device_key.ToSpki())
    return Error(Errc::kUntrusted, "The hardware certificates are not for this HSM's device key.");
  if (!(aws.subject() == manufacturer.subject()))
    return Error(Errc::kUntrusted, "The two hardware certificates have different subjects.");
  if (certificates.backup.empty()) return {};
  SR_TRY(const auto backup, crypto::Certificate::FromDer(certificates.backup));
  SR_CHECK(backup.VerifyIssuedBy(manufacturer_root));
  SR_TRY(const auto backup_key, backup.public_key());
  if (backup.subject().entries != BackupKeySubject() || !crypto::IsRsa(backup_key.spec()))
    return Error(Errc::kUntrusted, "The backup key's certificate is not the manufacturer's for a backup key.");
  return {};
}

Result<crypto::PublicKey> CheckMemberCertificate(ByteView certificate, ByteView manufacturer_root,
                                                 std::int64_t now_millis) {
  SR_TRY(const auto leaf, crypto::Certificate::FromDer(certificate));
  SR_TRY(const auto root, crypto::Certificate::FromDer(manufacturer_root));
  SR_CHECK(leaf.VerifyIssuedBy(root));
  if (!IsValidAt(leaf, At(now_millis)))
    return Error(Errc::kUntrusted, "The new HSM's device certificate is not within its validity period.");
  if (!IsHardwareSubject(leaf.subject().entries))
    return Error(Errc::kUntrusted, "The new HSM's certificate is not a device certificate.");
  SR_TRY(auto key, leaf.public_key());
  if (key.spec() != crypto::KeySpec::kRsa2048) return Error(Errc::kUntrusted, "A device key must be RSA 2048.");
  return key;
}

Status CheckClusterCertificate(const Identity& identity, ByteView certificate, ByteView trust_anchor,
                               std::int64_t now_millis) {
  const auto signed_cert = crypto::Certificate::FromDer(certificate);
  if (!signed_cert) return Refuse("The SignedCert is not a valid certificate.");
  const auto anchor = crypto::Certificate::FromDer(trust_anchor);
  if (!anchor) return Refuse("The TrustAnchor is not a valid certificate.");
  if (!anchor->IsSelfSigned()) return Refuse("The TrustAnchor is not a self-signed certificate.");
  const auto anchor_key = anchor->public_key();
  if (!anchor_key || !crypto::IsRsa(anchor_key->spec()))
    return Refuse("The TrustAnchor key must be RSA 2048 or RSA 4096.");
  if (!signed_cert->VerifyIssuedBy(*anchor)) return Refuse("The SignedCert was not issued by the TrustAnchor.");
  SR_TRY(const auto csr, crypto::ParseCsr(CsrDerToPem(identity.csr), 2 * kMaxCsrBytes));
  if (signed_cert->public_key_spki() != csr.public_key_spki)
    return Refuse("The SignedCert public key does not match the cluster CSR.");
  if (!(signed_cert->subject() == csr.subject)) return Refuse("The SignedCert subject does not match the cluster CSR.");
  const auto check = [&](const crypto::Certificate& one, const std::string& name) -> Status {
    if (!IsValidAt(one, At(now_millis))) return Refuse("The " + name + " is not within its validity period.");
    if (one.signature_digest() == "SHA1" || one.signature_digest() == "MD5")
      return Refuse("The " + name + " uses an unsupported signature algorithm.");
    return {};
  };
  SR_CHECK(check(*signed_cert, "SignedCert"));
  return check(*anchor, "TrustAnchor");
}

}  // namespace strongroom::hsm::replica
