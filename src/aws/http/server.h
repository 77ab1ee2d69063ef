#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "aws/http/handler.h"
#include "aws/http/loops.h"
#include "base/result.h"

namespace prometheus {
class Collectable;
}

namespace strongroom::aws {

struct HttpLimits {
  std::size_t header_bytes = 16 * 1024;
  std::size_t body_bytes = 1024 * 1024;
  std::size_t connections = 10'000;
  std::chrono::milliseconds handshake{10'000};
  std::chrono::milliseconds header{10'000};  // from a request's first byte to the end of its header
  std::chrono::milliseconds body{30'000};
  std::chrono::milliseconds idle{75'000};  // between requests
  std::chrono::milliseconds write{30'000};
  std::chrono::milliseconds tick{1'000};  // how often a loop looks for expired connections
};

struct HttpServerConfig {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;         // 0: any free one, see HttpServer::port()
  std::string certificate_chain;  // PEM file
  std::string private_key;        // PEM file
  HttpLimits limits;
};

/// Numbers about connections, summed over the loops.
struct HttpServerStats {
  std::uint64_t open = 0, accepted = 0, refused = 0, handshake_failures = 0, expired = 0, bad_requests = 0,
                requests = 0;
};

/// HTTP/1.1 over TLS 1.2 and 1.3 (ALPN http/1.1): keep-alive, pipelining answered in order, Expect: 100-continue,
/// Content-Length and chunked bodies within limits.
///
/// Promise   a sender of garbage, of endless headers or of nothing costs its own connection only.
/// Threads   Start and Stop belong to one owner, not on a loop's thread. Handlers run on the loops.
/// Lifetime  the loops and the handler outlive the server; the loops must run when Stop is called.
/// Source    RFC 9112.
class HttpServer {
 public:
  /// Errors: kInvalidArgument (address, certificate or key unusable), kAlreadyExists (port taken), kPermission.
  static Result<std::unique_ptr<HttpServer>> Start(const HttpServerConfig& config, LoopGroup& loops,
                                                   HttpHandler& handler);
  ~HttpServer();

  std::uint16_t port() const noexcept;
  HttpServerStats stats() const noexcept;
  /// The same for /metrics; may outlive the server.
  std::shared_ptr<prometheus::Collectable> metrics() const;
  /// Accepts no more, lets requests in flight finish (for at most `grace`), closes every connection. Idempotent.
  void Stop(std::chrono::milliseconds grace = std::chrono::seconds(10));

 private:
  struct State;
  explicit HttpServer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace strongroom::aws
