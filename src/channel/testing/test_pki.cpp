#include "channel/testing/test_pki.h"

#include <openssl/x509.h>

#include <cstdlib>
#include <iostream>

#include "crypto/openssl_bridge.h"

namespace strongroom::channel::testing {

void LogTestFailure(const Error& error) {
  std::cerr << "test set-up failed: " << error.ForLog() << std::endl;
  std::abort();
}

namespace {

crypto::PrivateKey NewKey() { return Must(crypto::PrivateKey::Generate(crypto::KeySpec::kP256)); }

/// By OpenSSL itself, since our own maker writes neither version 1 nor expired certificates.
crypto::Certificate MakeByHand(const std::string& common_name, const crypto::PrivateKey& key, X509* issuer,
                               EVP_PKEY* signer, int days) {
  X509* made = X509_new();
  X509_set_version(made, X509_VERSION_1);
  ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
  constexpr long kDay = 24 * 60 * 60;
  X509_gmtime_adj(X509_getm_notBefore(made), -90 * kDay);
  X509_gmtime_adj(X509_getm_notAfter(made), days * kDay);
  X509_set_pubkey(made, crypto::OpenSslBridge::Get(key));
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
  X509_set_issuer_name(made, issuer != nullptr ? X509_get_subject_name(issuer) : X509_get_subject_name(made));
  X509_sign(made, signer, EVP_sha256());
  auto certificate = Must(crypto::OpenSslBridge::FromX509(made));
  X509_free(made);
  return certificate;
}

}  // namespace

Identity MakeSelfSignedIdentity(const std::string& common_name, bool ca) {
  crypto::PrivateKey key = NewKey();
  crypto::CertificateOptions options;
  options.ca = ca;
  return {Must(crypto::MakeSelfSigned({{"CN", common_name}}, key, options)), key};
}

Identity MakeIssuedIdentity(const std::string& common_name, const Identity& issuer) {
  crypto::PrivateKey key = NewKey();
  return {Must(crypto::Issue({{"CN", common_name}}, key.public_key(), issuer.certificate, issuer.key, {})), key};
}

Identity MakeVersion1Identity(const std::string& common_name, const Identity& issuer, int days) {
  crypto::PrivateKey key = NewKey();
  return {MakeByHand(common_name, key, crypto::OpenSslBridge::Get(issuer.certificate),
                     crypto::OpenSslBridge::Get(issuer.key), days),
          key};
}

Identity MakeExpiredSelfSigned(const std::string& common_name) {
  crypto::PrivateKey key = NewKey();
  return {MakeByHand(common_name, key, nullptr, crypto::OpenSslBridge::Get(key), -1), key};
}

TlsContext TestPki::OuterServerContext() const {
  return Must(OuterServer({host, {default_client.certificate}, {owner.certificate}}));
}
TlsContext TestPki::OuterClientContext() const {
  OuterClientOptions options;
  options.hosts = {host.certificate};
  options.identity = default_client;
  return Must(OuterClient(options));
}
TlsContext TestPki::InnerServerContext(CertificateCheck check) const {
  return Must(InnerServer({hsm, std::move(check)}));
}
TlsContext TestPki::InnerClientContext(std::optional<Identity> identity) const {
  return Must(InnerClient({{owner.certificate}, std::move(identity)}));
}

}  // namespace strongroom::channel::testing
