#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "channel/tls_context.h"

namespace strongroom::channel {

/// One TLS connection between two byte strings in memory: it reads what Feed gave it in place and appends what must go
/// to the peer to out().
class TlsLayer {
 public:
  enum class Side { kClient, kServer };
  /// `peer_name` is how error texts call the other end ("host", "HSM").
  TlsLayer(const TlsContext& context, Side side, std::string peer_name);
  /// For a context that is no TlsContext; it outlives the layer.
  TlsLayer(SSL_CTX* context, Side side, std::string peer_name);
  TlsLayer(const TlsLayer&) = delete;
  TlsLayer& operator=(const TlsLayer&) = delete;

  /// The next ciphertext; only when the last was used up. Valid until then.
  void Feed(ByteView in) noexcept { in_ = in; }
  /// False when Read can give nothing before the next Feed.
  bool MayHaveMore() const noexcept { return !in_.empty() || SSL_has_pending(ssl_.get()) == 1; }
  Bytes& out() noexcept { return out_; }

  /// True when the handshake is complete, false when more input is needed.
  /// Errors: kUntrusted, kSerialization (not TLS, or nothing in common), kUnavailable (closed by the peer).
  Result<bool> Handshake();
  /// Plaintext bytes read; 0 when more input is needed. Errors: as above.
  Result<std::size_t> Read(std::span<std::uint8_t> into);
  Status Write(ByteView plaintext);
  /// Appends the closing alert to out().
  void Shutdown() noexcept;

  /// "TLSv1.3" and "TLS_AES_128_GCM_SHA256", as OpenSSL names them; literals, once the handshake is complete.
  std::string_view version() const noexcept { return SSL_get_version(ssl_.get()); }
  std::string_view cipher() const noexcept { return SSL_get_cipher_name(ssl_.get()); }
  /// Absent when the peer showed none.
  std::optional<crypto::Certificate> PeerCertificate() const;

 private:
  static BIO_METHOD* Method();
  static TlsLayer* Of(BIO* bio) noexcept;
  Error Failure(int ssl_error);

  struct Free {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  };
  std::unique_ptr<SSL, Free> ssl_;
  std::optional<TlsContext> context_;  // kept alive, where it is one
  std::string peer_name_;
  ByteView in_;
  Bytes out_;
};

}  // namespace strongroom::channel
