#include "channel/tls_layer.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/tls1.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "channel/tls_verify.h"
#include "crypto/openssl_bridge.h"

namespace strongroom::channel {
namespace {

/// Alerts by which a peer says that it does not like our certificate (RFC 8446, section 6.2).
bool IsCertificateAlert(int alert) noexcept {
  switch (alert) {
    case SSL3_AD_BAD_CERTIFICATE:
    case SSL3_AD_UNSUPPORTED_CERTIFICATE:
    case SSL3_AD_CERTIFICATE_REVOKED:
    case SSL3_AD_CERTIFICATE_EXPIRED:
    case SSL3_AD_CERTIFICATE_UNKNOWN:
    case TLS1_AD_UNKNOWN_CA:
    case TLS1_AD_ACCESS_DENIED:
    case TLS13_AD_CERTIFICATE_REQUIRED: return true;
    default: return false;
  }
}

/// What others have left in this thread's queue would be taken for ours. Looking costs a tenth of clearing.
void ForgetErrors() noexcept {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace

TlsLayer* TlsLayer::Of(BIO* bio) noexcept { return static_cast<TlsLayer*>(BIO_get_data(bio)); }

BIO_METHOD* TlsLayer::Method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "strongroom layer");
    if (made == nullptr) throw std::bad_alloc();
    BIO_meth_set_write_ex(made, [](BIO* bio, const char* data, std::size_t n, std::size_t* written) {
      Append(Of(bio)->out_, {reinterpret_cast<const std::uint8_t*>(data), n});
      *written = n;
      return 1;
    });
    BIO_meth_set_read_ex(made, [](BIO* bio, char* data, std::size_t n, std::size_t* got) {
      ByteView& in = Of(bio)->in_;
      BIO_clear_retry_flags(bio);
      *got = std::min(n, in.size());
      if (*got == 0) {
        BIO_set_retry_read(bio);
        return 0;
      }
      std::memcpy(data, in.data(), *got);
      in = in.subspan(*got);
      return 1;
    });
    BIO_meth_set_ctrl(made, [](BIO*, int command, long, void*) -> long { return command == BIO_CTRL_FLUSH ? 1 : 0; });
    return made;
  }();
  return method;
}

TlsLayer::TlsLayer(const TlsContext& context, Side side, std::string peer_name)
    : TlsLayer(context.native(), side, std::move(peer_name)) {
  context_ = context;
}

TlsLayer::TlsLayer(SSL_CTX* context, Side side, std::string peer_name)
    : ssl_(SSL_new(context)), peer_name_(std::move(peer_name)) {
  BIO* bio = BIO_new(Method());
  if (!ssl_ || bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  if (side == Side::kClient) {
    SSL_set_connect_state(ssl_.get());
  } else {
    SSL_set_accept_state(ssl_.get());
  }
}

Result<bool> TlsLayer::Handshake() {
  ForgetErrors();
  const int done = SSL_do_handshake(ssl_.get());
  if (done == 1) return true;
  const int error = SSL_get_error(ssl_.get(), done);
  if (error == SSL_ERROR_WANT_READ) return false;
  return Failure(error);
}

Result<std::size_t> TlsLayer::Read(std::span<std::uint8_t> into) {
  ForgetErrors();
  std::size_t got = 0;
  const int done = SSL_read_ex(ssl_.get(), into.data(), into.size(), &got);
  if (done == 1) return got;
  const int error = SSL_get_error(ssl_.get(), done);
  if (error == SSL_ERROR_WANT_READ) return std::size_t{0};
  return Failure(error);
}

Status TlsLayer::Write(ByteView plaintext) {
  ForgetErrors();
  std::size_t written = 0;
  const int done = SSL_write_ex(ssl_.get(), plaintext.data(), plaintext.size(), &written);
  if (done == 1) return {};
  return Failure(SSL_get_error(ssl_.get(), done));
}

void TlsLayer::Shutdown() noexcept {
  if (SSL_is_init_finished(ssl_.get())) SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

std::optional<crypto::Certificate> TlsLayer::PeerCertificate() const {
  X509* x509 = SSL_get1_peer_certificate(ssl_.get());
  if (x509 == nullptr) return std::nullopt;
  auto certificate = crypto::OpenSslBridge::FromX509(x509);
  X509_free(x509);
  if (!certificate.ok()) return std::nullopt;
  return std::move(certificate).value();
}

Error TlsLayer::Failure(int ssl_error) {
  if (ssl_error == SSL_ERROR_ZERO_RETURN)
    return Error(Errc::kUnavailable, "The " + peer_name_ + " closed the connection.");
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_REASON(code);
  const char* text = ERR_reason_error_string(code);
  std::string detail = text ? text : "no reason given";
  ERR_clear_error();
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
    return Error(Errc::kUntrusted,
                 "The " + peer_name_ + "'s certificate " + std::string(RefusalReason(ssl_.get())) + ".");
  if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
    return Error(Errc::kUntrusted, "The " + peer_name_ + " showed no certificate.");
  if (IsCertificateAlert(reason - SSL_AD_REASON_OFFSET))
    return Error(Errc::kUntrusted, "The " + peer_name_ + " refused our certificate.").WithDetail(std::move(detail));
  return Error(Errc::kSerialization, "What the " + peer_name_ + " sent is not acceptable TLS.")
      .WithDetail(std::move(detail));
}

}  // namespace strongroom::channel
