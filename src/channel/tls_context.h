#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "crypto/certificate.h"
#include "crypto/key_pair.h"

namespace boost::asio::ssl {
class context;
}
struct ssl_ctx_st;

namespace strongroom::channel {

/// A private key with its certificate.
struct Identity {
  crypto::Certificate certificate;
  crypto::PrivateKey key;
};

/// Reads a certificate (PEM) and its unencrypted private key (PEM, readable by its owner alone), as client.crt and
/// client.key are. Errors: kNotFound; kPermission when group or others may read the key file; kInvalidArgument.
Result<Identity> LoadIdentity(const std::filesystem::path& certificate, const std::filesystem::path& key);
/// One PEM certificate. Errors: kNotFound, kInvalidArgument.
Result<crypto::Certificate> LoadCertificate(const std::filesystem::path& file);

/// What a TLS end shows and whom it believes. Copies share it; it never changes, so a new certificate or anchor means a
/// new context, which later connections take while earlier ones go on.
///
/// Promise   TLS 1.2 or newer with ECDHE and AEAD only; neither renegotiation nor compression; verification by our own
///           rules below, without host names (an HSM is known by its certificate, not by an address).
/// Errors    of all makers: kInvalidArgument when key and certificate do not belong together or a list is empty.
/// Threads   any number of connections on any threads may share one.
class TlsContext {
 public:
  ssl_ctx_st* native() const noexcept;
  /// For asio's ssl::stream.
  boost::asio::ssl::context& asio() const noexcept { return *context_; }

  explicit TlsContext(std::shared_ptr<boost::asio::ssl::context> context) noexcept : context_(std::move(context)) {}

 private:
  std::shared_ptr<boost::asio::ssl::context> context_;
};

/// The host's end of the outer layer. A client certificate is demanded; ours is shown first, so that
/// `openssl s_client` without one still prints it.
struct OuterServerOptions {
  Identity identity;
  std::vector<crypto::Certificate> accepted_clients;  // taken when exactly equal (the default client certificate)
  std::vector<crypto::Certificate> client_anchors;    // what one of these issued directly is taken (customerCA.crt)
};
Result<TlsContext> OuterServer(const OuterServerOptions& options);

/// The client's end of the outer layer: the host's certificate must be self-signed, in date and exactly one of those
/// given, or one that lies in `directory` as <subject hash>.<digit> (looked up at each handshake, so that a successor
/// can be dropped in).
struct OuterClientOptions {
  std::vector<crypto::Certificate> hosts;
  std::filesystem::path directory;  // empty: none
  std::optional<Identity> identity;
};
Result<TlsContext> OuterClient(const OuterClientOptions& options);

/// Decides on a peer's certificate whose possession the handshake proves. Called on the loop, during the handshake.
using CertificateCheck = std::function<bool(const crypto::Certificate&)>;

/// The HSM's end of the inner layer. `client_check` set: a client may show a certificate (of any issuer), which the
/// check must take; without a certificate the handshake goes on as well.
struct InnerServerOptions {
  Identity identity;
  CertificateCheck client_check;
};
Result<TlsContext> InnerServer(const InnerServerOptions& options);

/// The client's end of the inner layer: the HSM's certificate must be issued directly by one of `owners`
/// (customerCA.crt) and be in date; version 1 certificates without any extension pass, as `openssl x509 -req` makes
/// them.
struct InnerClientOptions {
  std::vector<crypto::Certificate> owners;
  std::optional<Identity> identity;
};
Result<TlsContext> InnerClient(const InnerClientOptions& options);

/// The two ends of the control link: TLS 1.3, each pinned to exactly the other's certificate(s), which must be in date.
struct ControlOptions {
  Identity identity;
  std::vector<crypto::Certificate> peers;
};
Result<TlsContext> ControlServer(const ControlOptions& options);
Result<TlsContext> ControlClient(const ControlOptions& options);

}  // namespace strongroom::channel
