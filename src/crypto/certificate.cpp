#include "crypto/certificate.h"

#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "crypto/internal/certificates.h"
#include "crypto/internal/keys.h"
#include "crypto/openssl_bridge.h"

namespace strongroom::crypto {
namespace {

Error NotACertificate() { return WithQueue(Errc::kInvalidArgument, "This is not exactly one X.509 certificate."); }

Result<std::chrono::system_clock::time_point> ReadTime(const ASN1_TIME* time) {
  std::tm parts{};
  if (::ASN1_TIME_to_tm(time, &parts) != 1) return NotACertificate();
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::string TypeName(const ASN1_OBJECT* object) {
  const int nid = ::OBJ_obj2nid(object);
  if (nid != NID_undef) return ::OBJ_nid2sn(nid);
  std::array<char, 128> dotted{};
  ::OBJ_obj2txt(dotted.data(), static_cast<int>(dotted.size()), object, 1);
  return dotted.data();
}

int LeafVerify(X509* certificate, EVP_PKEY* key) {
  const int verdict = ::X509_verify(certificate, key);
  if (verdict != 1) DrainQueue();
  return verdict;
}

}  // namespace

Result<DistinguishedName> ReadName(const X509_NAME* name) {
  DistinguishedName out;
  SR_TRY(out.der, ToDerBytes(name, ::i2d_X509_NAME, "encode a name"));
  const int count = ::X509_NAME_entry_count(name);
  for (int i = 0; i < count; ++i) {
    const X509_NAME_ENTRY* entry = ::X509_NAME_get_entry(name, i);
    unsigned char* text = nullptr;
    const int size = ::ASN1_STRING_to_UTF8(&text, ::X509_NAME_ENTRY_get_data(entry));
    if (size < 0) return WithQueue(Errc::kInvalidArgument, "A distinguished name holds a text that is not valid.");
    out.entries.push_back(
        {TypeName(::X509_NAME_ENTRY_get_object(entry)), std::string(AsText({text, static_cast<std::size_t>(size)}))});
    ::OPENSSL_free(text);
  }
  return out;
}

std::string DistinguishedName::OneLine() const {
  std::string out;
  for (const NameEntry& entry : entries) out += fmt::format("/{}={}", entry.type, entry.value);
  return out;
}

std::string DistinguishedName::Printed() const {
  const unsigned char* cursor = der.data();
  const X509NamePtr name(::d2i_X509_NAME(nullptr, &cursor, static_cast<long>(der.size())));
  const BioPtr bio(::BIO_new(::BIO_s_mem()));
  // What `openssl x509 -subject` uses unless told otherwise, with UTF-8 left readable.
  if (!name || !bio || ::X509_NAME_print_ex(bio.get(), name.get(), 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) < 0) {
    DrainQueue();
    return OneLine();
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

Result<Certificate> MakeCertificate(X509Ptr x509) {
  auto impl = std::make_shared<Certificate::Impl>();
  SR_TRY(impl->der, ToDerBytes(x509.get(), ::i2d_X509, "encode a certificate"));
  SR_TRY(impl->spki, ToDerBytes(::X509_get_X509_PUBKEY(x509.get()), ::i2d_X509_PUBKEY, "encode a public key"));
  SR_TRY(impl->subject, ReadName(::X509_get_subject_name(x509.get())));
  SR_TRY(impl->issuer, ReadName(::X509_get_issuer_name(x509.get())));
  SR_TRY(impl->not_before, ReadTime(::X509_get0_notBefore(x509.get())));
  SR_TRY(impl->not_after, ReadTime(::X509_get0_notAfter(x509.get())));
  const BignumPtr serial(::ASN1_INTEGER_to_BN(::X509_get0_serialNumber(x509.get()), nullptr));
  char* hex = serial ? ::BN_bn2hex(serial.get()) : nullptr;
  if (hex == nullptr) return NotACertificate();
  impl->serial = hex;
  ::OPENSSL_free(hex);
  int digest = NID_undef;
  if (::X509_get_signature_info(x509.get(), &digest, nullptr, nullptr, nullptr) == 1 && digest != NID_undef) {
    impl->signature_digest = ::OBJ_nid2sn(digest);
  }
  impl->subject_hash =
      fmt::format("{:08x}", ::X509_NAME_hash_ex(::X509_get_subject_name(x509.get()), nullptr, nullptr, nullptr));
  impl->fingerprint = Sha256(impl->der);
  // OpenSSL fills its caches of extensions lazily under a lock; once here, so that reading is only reading later.
  static_cast<void>(::X509_check_purpose(x509.get(), -1, 0));
  DrainQueue();
  impl->x509 = std::move(x509);
  return Certificate(std::move(impl));
}

Result<Certificate> Certificate::FromPem(std::string_view pem, std::size_t max_chars) {
  SR_TRY(const std::string_view block, OnePemBlock(pem, "CERTIFICATE", max_chars));
  const BioPtr bio(::BIO_new_mem_buf(block.data(), static_cast<int>(block.size())));
  X509Ptr x509(bio ? ::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!x509) return NotACertificate();
  // PEM_read takes trailing bytes inside the block; DER does not.
  return MakeCertificate(std::move(x509));
}

Result<Certificate> Certificate::FromDer(ByteView der) {
  if (der.empty() || der.size() > 64 * 1024) return NotACertificate();
  const unsigned char* cursor = der.data();
  X509Ptr x509(::d2i_X509(nullptr, &cursor, static_cast<long>(der.size())));
  if (!x509 || cursor != der.data() + der.size()) return NotACertificate();
  return MakeCertificate(std::move(x509));
}

std::string Certificate::ToPem() const {
  const BioPtr bio(::BIO_new(::BIO_s_mem()));
  if (!bio || ::PEM_write_bio_X509(bio.get(), impl_->x509.get()) != 1) Broken("write a certificate");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

const Bytes& Certificate::ToDer() const noexcept { return impl_->der; }
const DistinguishedName& Certificate::subject() const noexcept { return impl_->subject; }
const DistinguishedName& Certificate::issuer() const noexcept { return impl_->issuer; }
const Bytes& Certificate::public_key_spki() const noexcept { return impl_->spki; }
Result<PublicKey> Certificate::public_key() const { return PublicKey::FromSpki(impl_->spki); }
std::chrono::system_clock::time_point Certificate::not_before() const noexcept { return impl_->not_before; }
std::chrono::system_clock::time_point Certificate::not_after() const noexcept { return impl_->not_after; }
const std::string& Certificate::serial() const noexcept { return impl_->serial; }
const std::string& Certificate::signature_digest() const noexcept { return impl_->signature_digest; }
int Certificate::version() const noexcept { return static_cast<int>(::X509_get_version(impl_->x509.get())) + 1; }
const Sha256Digest& Certificate::fingerprint() const noexcept { return impl_->fingerprint; }
const std::string& Certificate::subject_hash() const noexcept { return impl_->subject_hash; }

bool Certificate::IsSelfSigned() const { return VerifyIssuedBy(*this).ok(); }

Status Certificate::VerifyIssuedBy(const Certificate& issuer) const {
  if (this->issuer() != issuer.subject()) {
    return Error(Errc::kUntrusted, "The certificate names another issuer.");
  }
  EVP_PKEY* key = ::X509_get0_pubkey(issuer.impl_->x509.get());
  if (key == nullptr || LeafVerify(impl_->x509.get(), key) != 1) {
    DrainQueue();
    return Error(Errc::kUntrusted, "The certificate's signature is not its issuer's.");
  }
  return {};
}

x509_st* OpenSslBridge::Get(const Certificate& certificate) noexcept { return certificate.impl_->x509.get(); }

Result<Certificate> OpenSslBridge::FromX509(x509_st* certificate) {
  if (certificate == nullptr) return NotACertificate();
  X509Ptr copy(::X509_dup(certificate));
  if (!copy) return NotACertificate();
  return MakeCertificate(std::move(copy));
}

}  // namespace strongroom::crypto
