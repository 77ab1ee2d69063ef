#include "aws/http/tls_context.h"

#include <openssl/ssl.h>

#include <array>
#include <string_view>

namespace strongroom::aws {
namespace {
namespace ssl = boost::asio::ssl;

constexpr std::string_view kHttp11 = "http/1.1";

int SelectHttp11(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                 unsigned int offered_size, void*) {
  for (unsigned int at = 0; at < offered_size;) {
    const unsigned int size = offered[at];
    if (at + 1 + size > offered_size) break;
    const std::string_view name(reinterpret_cast<const char*>(offered + at + 1), size);
    if (name == kHttp11) {
      *out = offered + at + 1;
      *out_size = static_cast<unsigned char>(size);
      return SSL_TLSEXT_ERR_OK;
    }
    at += 1 + size;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

Error Unusable(std::string_view what, const std::string& path, const boost::system::error_code& ec) {
  std::string text("The ");
  text.append(what).append(" ").append(path).append(" cannot be used: ").append(ec.message()).append(".");
  return Error(Errc::kInvalidArgument, std::move(text));
}
}  // namespace

Result<ssl::context> MakeServerTls(const std::string& certificate_chain, const std::string& private_key) {
  ssl::context tls(ssl::context::tls_server);
  SSL_CTX* native = tls.native_handle();
  boost::system::error_code ec;
  tls.use_certificate_chain_file(certificate_chain, ec);
  if (ec) return Unusable("certificate", certificate_chain, ec);
  tls.use_private_key_file(private_key, ssl::context::pem, ec);
  if (ec) return Unusable("private key", private_key, ec);
  if (SSL_CTX_check_private_key(native) != 1) {
    return Error(Errc::kInvalidArgument,
                 "The private key " + private_key + " does not belong to the certificate " + certificate_chain + ".");
  }
  const bool set = SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION) == 1 &&
                   SSL_CTX_set_cipher_list(native, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL") == 1 &&
                   SSL_CTX_set_ciphersuites(
                       native, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1;
  if (!set) return Error(Errc::kInternal, "OpenSSL refused the TLS settings.");
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_read_ahead(native, 1);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);  // tickets carry the sessions instead
  SSL_CTX_set_num_tickets(native, 2);
  SSL_CTX_set_alpn_select_cb(native, &SelectHttp11, nullptr);
  return tls;
}

}  // namespace strongroom::aws
