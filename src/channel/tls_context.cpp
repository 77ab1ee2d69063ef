#include "channel/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <boost/asio/ssl/context.hpp>
#include <fstream>
#include <system_error>

#include "channel/tls_verify.h"
#include "crypto/openssl_bridge.h"
#include "secret/secret_vector.h"

namespace strongroom::channel {
namespace {

using SslCtx = std::unique_ptr<SSL_CTX, decltype([](SSL_CTX* context) { SSL_CTX_free(context); })>;

constexpr const char* kTls12Ciphers =
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:"
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

enum class Role { kClient, kServer };

Error Refused(std::string text) {
  Error error(Errc::kInvalidArgument, std::move(text));
  std::string detail;
  while (const unsigned long code = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(code);
    detail += (detail.empty() ? "" : "; ") + std::string(reason ? reason : "?");
  }
  return std::move(error).WithDetail(std::move(detail));
}

Result<SslCtx> NewContext(Role role, int min_version) {
  ERR_clear_error();
  SslCtx context(SSL_CTX_new(role == Role::kServer ? TLS_server_method() : TLS_client_method()));
  if (!context) return Error(Errc::kInternal, "Cannot make a TLS context.");
  SSL_CTX* c = context.get();
  SSL_CTX_set_security_level(c, 2);
  SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(c, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(c, 1);
  // Tickets carry the session; nothing is kept in memory.
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  static constexpr unsigned char kSessionContext[] = "strongroom";
  if (SSL_CTX_set_min_proto_version(c, min_version) != 1 || SSL_CTX_set_cipher_list(c, kTls12Ciphers) != 1 ||
      SSL_CTX_set1_groups_list(c, "X25519:P-256:P-384") != 1 ||
      (role == Role::kServer && SSL_CTX_set_session_id_context(c, kSessionContext, sizeof kSessionContext - 1) != 1))
    return Refused("OpenSSL lacks what the channel needs.");
  return context;
}

Status Show(SSL_CTX* context, const Identity& identity) {
  if (SSL_CTX_use_certificate(context, crypto::OpenSslBridge::Get(identity.certificate)) != 1)
    return Refused("TLS cannot use the certificate.");
  if (SSL_CTX_use_PrivateKey(context, crypto::OpenSslBridge::Get(identity.key)) != 1 ||
      SSL_CTX_check_private_key(context) != 1)
    return Refused("The private key does not belong to the certificate.");
  return {};
}

TlsContext Finish(SslCtx context) { return TlsContext(std::make_shared<boost::asio::ssl::context>(context.release())); }

constexpr int kDemand = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;

Result<TlsContext> Control(Role role, const ControlOptions& options) {
  if (options.peers.empty()) return Error(Errc::kInvalidArgument, "The control link needs its peer's certificate.");
  SR_TRY(SslCtx context, NewContext(role, TLS1_3_VERSION));
  SR_CHECK(Show(context.get(), options.identity));
  TrustRule rule;
  rule.exact = options.peers;
  SR_CHECK(InstallTrust(context.get(), std::move(rule), kDemand));
  return Finish(std::move(context));
}

Result<secret::SecretString> ReadFile(const std::filesystem::path& file, std::size_t max_bytes) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error(Errc::kNotFound, "Cannot read " + file.string() + ".");
  in.rdbuf()->pubsetbuf(nullptr, 0);  // no copy of a key in the stream's own buffer
  secret::SecretString text(max_bytes + 1);
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  const auto got = static_cast<std::size_t>(in.gcount());
  if (got > max_bytes) return Error(Errc::kInvalidArgument, file.string() + " is too large.");
  text.resize(got);
  return text;
}

}  // namespace

ssl_ctx_st* TlsContext::native() const noexcept { return context_->native_handle(); }

Result<crypto::Certificate> LoadCertificate(const std::filesystem::path& file) {
  SR_TRY(const secret::SecretString text, ReadFile(file, 16 * 1024));
  auto certificate = crypto::Certificate::FromPem({text.data(), text.size()}, 16 * 1024);
  if (!certificate.ok()) return Error(Errc::kInvalidArgument, file.string() + " is not one PEM certificate.");
  return certificate;
}

Result<Identity> LoadIdentity(const std::filesystem::path& certificate, const std::filesystem::path& key) {
  SR_TRY(crypto::Certificate shown, LoadCertificate(certificate));
  struct stat status {};
  if (::stat(key.c_str(), &status) != 0) return Error(Errc::kNotFound, "Cannot read " + key.string() + ".");
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return Error(Errc::kPermission, "Group or others may use " + key.string() + "; its mode must be 0600.");
  SR_TRY(const secret::SecretString text, ReadFile(key, 16 * 1024));
  SR_TRY(const SecretBuffer pem, SecretBuffer::CopyOf(AsBytes({text.data(), text.size()})));
  auto parsed = crypto::PrivateKey::FromPem(pem);
  if (!parsed.ok()) return Error(Errc::kInvalidArgument, key.string() + " is not one unencrypted PEM private key.");
  if (shown.public_key_spki() != parsed->public_key().ToSpki())
    return Error(Errc::kInvalidArgument, key.string() + " is not the key of " + certificate.string() + ".");
  return Identity{std::move(shown), std::move(parsed).value()};
}

Result<TlsContext> OuterServer(const OuterServerOptions& options) {
  SR_TRY(SslCtx context, NewContext(Role::kServer, TLS1_2_VERSION));
  SR_CHECK(Show(context.get(), options.identity));
  if (options.accepted_clients.empty() && options.client_anchors.empty())
    return Error(Errc::kInvalidArgument, "The host would accept no client.");
  TrustRule rule;
  rule.exact = options.accepted_clients;
  rule.issuers = options.client_anchors;
  SR_CHECK(InstallTrust(context.get(), std::move(rule), kDemand));
  return Finish(std::move(context));
}

Result<TlsContext> OuterClient(const OuterClientOptions& options) {
  if (options.hosts.empty() && options.directory.empty())
    return Error(Errc::kInvalidArgument, "No host certificate is given to trust.");
  std::error_code ec;
  if (!options.directory.empty() && !std::filesystem::is_directory(options.directory, ec))
    return Error(Errc::kInvalidArgument, "There is no directory " + options.directory.string() + ".");
  SR_TRY(SslCtx context, NewContext(Role::kClient, TLS1_2_VERSION));
  if (options.identity) SR_CHECK(Show(context.get(), *options.identity));
  TrustRule rule;
  rule.exact = options.hosts;
  rule.exact_directory = options.directory;
  rule.exact_must_be_self_signed = true;
  SR_CHECK(InstallTrust(context.get(), std::move(rule), SSL_VERIFY_PEER));
  return Finish(std::move(context));
}

Result<TlsContext> InnerServer(const InnerServerOptions& options) {
  SR_TRY(SslCtx context, NewContext(Role::kServer, TLS1_2_VERSION));
  SR_CHECK(Show(context.get(), options.identity));
  if (options.client_check) {
    TrustRule rule;
    rule.check = options.client_check;
    SR_CHECK(InstallTrust(context.get(), std::move(rule), SSL_VERIFY_PEER));
    // A resumed session would come with a certificate that was checked another day.
    SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context.get(), 0);
  }
  return Finish(std::move(context));
}

Result<TlsContext> InnerClient(const InnerClientOptions& options) {
  if (options.owners.empty())
    return Error(Errc::kInvalidArgument, "The cluster owner's certificate (customerCA.crt) is missing.");
  SR_TRY(SslCtx context, NewContext(Role::kClient, TLS1_2_VERSION));
  if (options.identity) SR_CHECK(Show(context.get(), *options.identity));
  TrustRule rule;
  rule.issuers = options.owners;
  SR_CHECK(InstallTrust(context.get(), std::move(rule), SSL_VERIFY_PEER));
  return Finish(std::move(context));
}

Result<TlsContext> ControlServer(const ControlOptions& options) { return Control(Role::kServer, options); }
Result<TlsContext> ControlClient(const ControlOptions& options) { return Control(Role::kClient, options); }

}  // namespace strongroom::channel
