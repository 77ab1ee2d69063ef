#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "crypto/certificate.h"
#include "crypto/internal/certificates.h"
#include "crypto/internal/keys.h"
#include "crypto/openssl_bridge.h"
#include "crypto/random.h"

namespace strongroom::crypto {
namespace {

constexpr int kMostDays = 100 * 366;
constexpr std::size_t kLongestSerial = 20;  // RFC 5280, 4.1.2.2

using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;
using GeneralNamePtr = std::unique_ptr<GENERAL_NAME, Freer<GENERAL_NAME_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;
using StringPtr = std::unique_ptr<ASN1_STRING, Freer<ASN1_STRING_free>>;
using OctetPtr = std::unique_ptr<ASN1_OCTET_STRING, Freer<ASN1_OCTET_STRING_free>>;

Result<X509NamePtr> MakeName(const std::vector<NameEntry>& entries) {
  if (entries.empty()) return Error(Errc::kInvalidArgument, "A subject needs at least one attribute.");
  X509NamePtr name(::X509_NAME_new());
  if (!name) return OpenSslError("make a name");
  for (const NameEntry& entry : entries) {
    // MBSTRING_UTF8 lets OpenSSL take the ASN.1 type that each attribute prescribes (emailAddress is an IA5String).
    if (entry.value.size() > 4096 ||
        ::X509_NAME_add_entry_by_txt(name.get(), entry.type.c_str(), MBSTRING_UTF8, AsBytes(entry.value).data(),
                                     static_cast<int>(entry.value.size()), -1, 0) != 1) {
      return WithQueue(Errc::kInvalidArgument, "A subject's attribute has an unknown type or a value it cannot have.");
    }
  }
  return name;
}

/// The digest that signs: Ed25519 brings its own.
const EVP_MD* SigningDigest(KeySpec spec) { return spec == KeySpec::kEd25519 ? nullptr : Md(Digest::kSha256); }

Status SetSerial(X509* x509, const Bytes& wanted) {
  if (wanted.size() > kLongestSerial) {
    return Error(Errc::kInvalidArgument, fmt::format("A serial number has at most {} bytes.", kLongestSerial));
  }
  Bytes bytes = wanted;
  if (bytes.empty()) {
    bytes.resize(16);
    SR_CHECK(Random(bytes));
    bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0x7f) | 0x40);  // positive and of full length
  }
  const BignumPtr number(::BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  if (!number || ::BN_to_ASN1_INTEGER(number.get(), ::X509_get_serialNumber(x509)) == nullptr) {
    return OpenSslError("set a serial number");
  }
  return {};
}

Status AddExtension(X509* x509, X509* issuer, int nid, const char* value) {
  X509V3_CTX context{};
  ::X509V3_set_ctx(&context, issuer, x509, nullptr, nullptr, 0);
  const ExtensionPtr extension(::X509V3_EXT_nconf_nid(nullptr, &context, nid, value));
  if (!extension || ::X509_add_ext(x509, extension.get(), -1) != 1) return OpenSslError("add an extension");
  return {};
}

bool GoodDnsName(std::string_view name) {
  return !name.empty() && name.size() <= 253 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '*' || c == '_';
  });
}

Status AddAlternativeNames(X509* x509, const CertificateOptions& options) {
  if (options.dns_names.empty() && options.ip_addresses.empty()) return {};
  const NamesPtr names(sk_GENERAL_NAME_new_null());
  const auto add = [&names](int type, ASN1_STRING* value) {
    GeneralNamePtr name(::GENERAL_NAME_new());
    if (!name || !names) {
      ::ASN1_STRING_free(value);
      return false;
    }
    ::GENERAL_NAME_set0_value(name.get(), type, value);
    if (sk_GENERAL_NAME_push(names.get(), name.get()) <= 0) return false;
    static_cast<void>(name.release());
    return true;
  };
  for (const std::string& dns : options.dns_names) {
    if (!GoodDnsName(dns)) return Error(Errc::kInvalidArgument, "A DNS name is not one.");
    StringPtr text(::ASN1_IA5STRING_new());
    if (!text || ::ASN1_STRING_set(text.get(), dns.data(), static_cast<int>(dns.size())) != 1 ||
        !add(GEN_DNS, text.release())) {
      return OpenSslError("add a DNS name");
    }
  }
  for (const std::string& address : options.ip_addresses) {
    OctetPtr octets(::a2i_IPADDRESS(address.c_str()));
    if (!octets) return WithQueue(Errc::kInvalidArgument, "An IP address is not one.");
    if (!add(GEN_IPADD, octets.release())) return OpenSslError("add an IP address");
  }
  if (::X509_add1_ext_i2d(x509, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) != 1) {
    return OpenSslError("add alternative names");
  }
  return {};
}

Status AddExtensions(X509* x509, X509* issuer, const CertificateOptions& options) {
  SR_CHECK(AddExtension(x509, issuer, NID_basic_constraints, options.ca ? "critical,CA:TRUE" : "critical,CA:FALSE"));
  SR_CHECK(AddExtension(x509, issuer, NID_key_usage,
                        options.ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature"));
  std::string uses;
  for (const ExtendedUse use : options.uses) {
    if (!uses.empty()) uses += ',';
    uses += use == ExtendedUse::kServerAuth ? "serverAuth" : "clientAuth";
  }
  if (!uses.empty()) SR_CHECK(AddExtension(x509, issuer, NID_ext_key_usage, uses.c_str()));
  SR_CHECK(AddAlternativeNames(x509, options));
  SR_CHECK(AddExtension(x509, issuer, NID_subject_key_identifier, "hash"));
  // An issuer without a key identifier of its own (version 1) leaves the child without this one.
  if (issuer == x509 || ::X509_get0_subject_key_id(issuer) != nullptr) {
    SR_CHECK(AddExtension(x509, issuer, NID_authority_key_identifier, "keyid:always"));
  }
  return {};
}

/// `issuer` is null for a self-signed certificate.
Result<Certificate> Make(const std::vector<NameEntry>& subject, EVP_PKEY* key, X509* issuer, const PrivateKey& signer,
                         const CertificateOptions& options) {
  if (options.days < 1 || options.days > kMostDays) {
    return Error(Errc::kInvalidArgument, fmt::format("A certificate is valid for 1 to {} days.", kMostDays));
  }
  SR_TRY(const X509NamePtr name, MakeName(subject));
  X509Ptr x509(::X509_new_ex(nullptr, nullptr));
  if (!x509) return OpenSslError("make a certificate");
  X509* const made = x509.get();
  SR_CHECK(SetSerial(made, options.serial));
  if (::X509_set_version(made, X509_VERSION_3) != 1 || ::X509_set_subject_name(made, name.get()) != 1 ||
      ::X509_set_issuer_name(made, issuer != nullptr ? ::X509_get_subject_name(issuer) : name.get()) != 1 ||
      ::X509_gmtime_adj(::X509_getm_notBefore(made), -3600) == nullptr ||  // machines whose clocks are behind
      ::X509_time_adj_ex(::X509_getm_notAfter(made), options.days, 0, nullptr) == nullptr ||
      ::X509_set_pubkey(made, key) != 1) {
    return OpenSslError("make a certificate");
  }
  SR_CHECK(AddExtensions(made, issuer != nullptr ? issuer : made, options));
  if (::X509_sign(made, OpenSslBridge::Get(signer), SigningDigest(signer.spec())) <= 0) {
    return OpenSslError("sign a certificate");
  }
  // Parsed anew, so that what is handed on is what others will read.
  SR_TRY(const Bytes der, ToDerBytes(made, ::i2d_X509, "encode a certificate"));
  return Certificate::FromDer(der);
}

}  // namespace

Result<Certificate> MakeSelfSigned(const std::vector<NameEntry>& subject, const PrivateKey& key,
                                   const CertificateOptions& options) {
  return Make(subject, OpenSslBridge::Get(key), nullptr, key, options);
}

Result<Certificate> Issue(const std::vector<NameEntry>& subject, const PublicKey& key, const Certificate& issuer,
                          const PrivateKey& issuer_key, const CertificateOptions& options) {
  if (issuer.public_key_spki() != issuer_key.public_key().ToSpki()) {
    return Error(Errc::kInvalidArgument, "The issuer's key is not its certificate's.");
  }
  return Make(subject, OpenSslBridge::Get(key), OpenSslBridge::Get(issuer), issuer_key, options);
}

Result<std::string> MakeCsr(const std::vector<NameEntry>& subject, const PrivateKey& key) {
  SR_TRY(const X509NamePtr name, MakeName(subject));
  const X509ReqPtr request(::X509_REQ_new_ex(nullptr, nullptr));
  const BioPtr bio(::BIO_new(::BIO_s_mem()));
  if (!request || !bio || ::X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      ::X509_REQ_set_subject_name(request.get(), name.get()) != 1 ||
      ::X509_REQ_set_pubkey(request.get(), OpenSslBridge::Get(key)) != 1 ||
      ::X509_REQ_sign(request.get(), OpenSslBridge::Get(key), SigningDigest(key.spec())) <= 0 ||
      ::PEM_write_bio_X509_REQ(bio.get(), request.get()) != 1) {
    return OpenSslError("make a certificate request");
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Result<CertificateRequest> ParseCsr(std::string_view pem, std::size_t max_chars) {
  SR_TRY(const std::string_view block, OnePemBlock(pem, "CERTIFICATE REQUEST", max_chars));
  const BioPtr bio(::BIO_new_mem_buf(block.data(), static_cast<int>(block.size())));
  const X509ReqPtr request(bio ? ::PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  EVP_PKEY* key = request ? ::X509_REQ_get0_pubkey(request.get()) : nullptr;
  if (key == nullptr) return WithQueue(Errc::kInvalidArgument, "This is not a certificate request.");
  if (::X509_REQ_verify(request.get(), key) != 1) {
    return WithQueue(Errc::kBadSignature, "The certificate request's own signature does not verify.");
  }
  CertificateRequest out;
  SR_TRY(out.subject, ReadName(::X509_REQ_get_subject_name(request.get())));
  SR_TRY(out.public_key_spki,
         ToDerBytes(::X509_REQ_get_X509_PUBKEY(request.get()), ::i2d_X509_PUBKEY, "encode a public key"));
  return out;
}

}  // namespace strongroom::crypto
