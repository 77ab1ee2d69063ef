#include "crypto/envelope.h"

#include <openssl/cms.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "crypto/internal/keys.h"
#include "crypto/openssl_bridge.h"

namespace strongroom::crypto {
namespace {

using Cms = std::unique_ptr<CMS_ContentInfo, Freer<CMS_ContentInfo_free>>;
using OctetString = std::unique_ptr<ASN1_OCTET_STRING, Freer<ASN1_OCTET_STRING_free>>;

/// OpenSSL takes recipients as certificates only. This one says nothing but the key and its identifier, and goes
/// nowhere.
X509Ptr CertificateAround(EVP_PKEY* key) {
  X509Ptr x509(::X509_new());
  const OctetString id(::ASN1_OCTET_STRING_new());
  if (!x509 || !id || ::X509_set_version(x509.get(), X509_VERSION_3) != 1 || ::X509_set_pubkey(x509.get(), key) != 1)
    return nullptr;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (::X509_pubkey_digest(x509.get(), Md(Digest::kSha1), digest.data(), &size) != 1 ||
      ::ASN1_OCTET_STRING_set(id.get(), digest.data(), static_cast<int>(size)) != 1 ||
      ::X509_add1_ext_i2d(x509.get(), NID_subject_key_identifier, id.get(), 0, X509V3_ADD_DEFAULT) != 1)
    return nullptr;
  // Reads the extension back into the fields that CMS looks at.
  (void)::X509_check_purpose(x509.get(), -1, 0);
  return x509;
}

bool AddRecipient(CMS_ContentInfo* cms, X509* certificate) {
  CMS_RecipientInfo* const recipient = ::CMS_add1_recipient_cert(cms, certificate, CMS_USE_KEYID | CMS_KEY_PARAM);
  if (recipient == nullptr) return false;
  EVP_PKEY_CTX* const context = ::CMS_RecipientInfo_get0_pkey_ctx(recipient);
  return context != nullptr && ::EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
         ::EVP_PKEY_CTX_set_rsa_oaep_md(context, Md(Digest::kSha256)) == 1 &&
         ::EVP_PKEY_CTX_set_rsa_mgf1_md(context, Md(Digest::kSha256)) == 1;
}

}  // namespace

Result<Bytes> SealEnvelope(const PublicKey& recipient, const SecretBuffer& content) {
  if (!IsRsa(recipient.spec())) return Error(Errc::kWrongKeyUsage, "An envelope needs an RSA key.");
  constexpr unsigned int kFlags = CMS_BINARY | CMS_PARTIAL;
  const X509Ptr certificate = CertificateAround(OpenSslBridge::Get(recipient));
  const Cms cms(::CMS_encrypt(nullptr, nullptr, ::EVP_aes_256_cbc(), kFlags));
  const ByteView in = EvpKeyLoader::View(content);
  const BioPtr source(::BIO_new_mem_buf(in.data(), static_cast<int>(in.size())));  // reads in place
  if (!certificate || !cms || !source || !AddRecipient(cms.get(), certificate.get()) ||
      ::CMS_final(cms.get(), source.get(), nullptr, CMS_BINARY) != 1) {
    return OpenSslError("make a CMS envelope");
  }
  return ToDerBytes(cms.get(), ::i2d_CMS_ContentInfo, "encode a CMS envelope");
}

}  // namespace strongroom::crypto
