#include "channel/tls_verify.h"

#include <openssl/x509.h>

#include <chrono>

#include "crypto/openssl_bridge.h"

namespace strongroom::channel {
namespace {

int TrustIndex() {
  static const int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* rule, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<TrustRule*>(rule); });
  return index;
}

bool IsExactlyOneOf(const crypto::Certificate& peer, const TrustRule& rule) {
  for (const crypto::Certificate& known : rule.exact)
    if (known == peer) return true;
  if (rule.exact_directory.empty()) return false;
  for (char digit = '0'; digit <= '9'; ++digit) {
    auto known = LoadCertificate(rule.exact_directory / (peer.subject_hash() + "." + digit));
    if (known.ok() && *known == peer) return true;
  }
  return false;
}

bool IsIssuedByOneOf(const crypto::Certificate& peer, const TrustRule& rule) {
  // Forgeable signatures prove no issuer; our own verification replaces OpenSSL's, which has this check as a level.
  const std::string& digest = peer.signature_digest();
  if (digest == "MD5" || digest == "SHA1" || digest == "MD4" || digest == "MD2") return false;
  for (const crypto::Certificate& issuer : rule.issuers)
    if (peer.VerifyIssuedBy(issuer).ok()) return true;
  return false;
}

/// An X509_V_... code.
int Judge(const crypto::Certificate& peer, const TrustRule& rule) {
  if (rule.check) return rule.check(peer) ? X509_V_OK : X509_V_ERR_CERT_REJECTED;
  const bool exact = IsExactlyOneOf(peer, rule);
  if (exact && rule.exact_must_be_self_signed && !peer.IsSelfSigned()) return X509_V_ERR_CERT_UNTRUSTED;
  if (!exact && !IsIssuedByOneOf(peer, rule)) return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
  const auto now = std::chrono::system_clock::now();
  if (now < peer.not_before()) return X509_V_ERR_CERT_NOT_YET_VALID;
  if (now > peer.not_after()) return X509_V_ERR_CERT_HAS_EXPIRED;
  return X509_V_OK;
}

int Verify(X509_STORE_CTX* store, void* rule) {
  int verdict = X509_V_ERR_CERT_REJECTED;
  if (X509* leaf = X509_STORE_CTX_get0_cert(store)) {
    auto peer = crypto::OpenSslBridge::FromX509(leaf);
    if (peer.ok()) verdict = Judge(*peer, *static_cast<const TrustRule*>(rule));
  }
  X509_STORE_CTX_set_error(store, verdict);
  return verdict == X509_V_OK ? 1 : 0;
}

}  // namespace

Status InstallTrust(SSL_CTX* context, TrustRule rule, int mode) {
  auto owned = std::make_unique<TrustRule>(std::move(rule));
  if (SSL_CTX_set_ex_data(context, TrustIndex(), owned.get()) != 1)
    return Error(Errc::kInternal, "Cannot keep the trust rule.");
  SSL_CTX_set_cert_verify_callback(context, Verify, owned.release());
  SSL_CTX_set_verify(context, mode, nullptr);
  return {};
}

std::string_view RefusalReason(const SSL* ssl) noexcept {
  switch (SSL_get_verify_result(ssl)) {
    case X509_V_OK: return "";
    case X509_V_ERR_CERT_HAS_EXPIRED: return "has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID: return "is not valid yet";
    case X509_V_ERR_CERT_UNTRUSTED: return "is not self-signed";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY: return "is not one that is trusted";
    default: return "was refused";
  }
}

}  // namespace strongroom::channel
