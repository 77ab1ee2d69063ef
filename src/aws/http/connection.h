#pragma once

#include <atomic>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "aws/http/handler.h"
#include "aws/http/request_reader.h"
#include "aws/http/server.h"
#include "aws/http/socket_watch.h"
#include "aws/http/turns.h"
#include "channel/tls_layer.h"

namespace strongroom::aws {

using Coarse = std::chrono::steady_clock::time_point;

class Connection;

/// One loop's connections; touched on that loop only (but for `requests` and `open`).
struct LoopConnections {
  explicit LoopConnections(const LoopExecutor& on) : executor(on) {}
  LoopExecutor executor;
  std::weak_ptr<SocketWatch> watch;  // the loop owns it
  std::unordered_set<Connection*> all;
  Turns turns;
  Coarse now = std::chrono::steady_clock::now();  // as of the last tick or accept; coarse is enough for deadlines
  std::string date;                               // the Date header's value for `date_second`
  std::time_t date_second = 0;
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::size_t> open{0};
};

/// What the connections of one server share. Holds nothing that belongs to a loop, so it may outlive them.
struct ServerShared {
  HttpLimits limits;
  HttpHandler* handler = nullptr;
  boost::asio::ssl::context tls;
  std::vector<std::shared_ptr<LoopConnections>> loops;
  std::atomic<bool> stopping{false};
  std::atomic<std::uint64_t> open{0}, accepted{0}, refused{0}, handshake_failures{0}, expired{0}, bad_requests{0};
  explicit ServerShared(boost::asio::ssl::context context) : tls(std::move(context)) {}
  HttpServerStats Stats() const noexcept;
};

/// One client's TLS connection: reads requests, has them handled one after another, writes each answer in one write.
///
/// Threads   lives on its loop.
/// Lifetime  Run keeps the connection and what it shares alive.
class Connection {
 public:
  Connection(UniqueFd socket, const std::shared_ptr<SocketWatch>& watch, std::string remote,
             std::shared_ptr<ServerShared> server, std::shared_ptr<LoopConnections> loop);
  ~Connection();

  static Task<void> Run(std::shared_ptr<Connection> self);
  /// Closes it if its deadline has passed.
  void CloseIfExpired(Coarse now);
  /// The server stops: an idle connection closes now, a busy one after its answer.
  void CloseWhenIdle();
  void CloseNow();

 private:
  enum class Phase { kHandshake, kIdle, kReceiving, kHandling, kSending, kClosing };
  enum class Next { kGoOn, kClose, kDrain };
  enum class Got { kSome, kNothing, kEnd };

  // Each of these is waited for a few times in a connection's life. What runs at each request is in Serve itself or
  // does not wait: a coroutine called by another costs more than the work of some steps here.
  Task<bool> Handshake();
  Task<void> Serve();
  Task<bool> SendContinue();
  Task<bool> SendRest();
  Task<void> CloseGracefully();

  /// Takes what has arrived for the next request and judges it.
  RequestReader::State Advance();
  /// Plaintext that the TLS layer can give without waiting.
  Got TakePlaintext();
  /// Encrypts and sends as much as the socket takes; SendRest sends what is left in tls_.out().
  bool Send(std::string_view bytes);
  bool SendCiphertext();
  void BeginResponse();
  std::string_view PutHead(const HttpResponse& response, bool keep_alive);
  void Enter(Phase phase, std::chrono::milliseconds allowed);

  WatchedSocket socket_;
  channel::TlsLayer tls_;
  Bytes received_;        // ciphertext of the read under way
  std::size_t sent_ = 0;  // of tls_.out()
  bool broken_ = false;   // nothing can be sent any more
  std::string remote_;
  std::shared_ptr<ServerShared> server_;
  std::shared_ptr<LoopConnections> loop_;
  Phase phase_ = Phase::kHandshake;
  Coarse deadline_;
  WipedBuffer in_, out_, unchunked_;
  std::vector<HttpHeader> headers_;
  std::optional<RequestReader> reader_;
  bool header_done_ = false;
};

}  // namespace strongroom::aws
