#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>

#include "base/task.h"
#include "channel/tls_context.h"
#include "channel/tls_stream.h"
#include "hsm/session/engine.h"

namespace strongroom::hsm {

struct ServerOptions {
  std::size_t max_sessions = 2048;  // spec/cloudhsm.md 1.7, handshakes under way included
  std::chrono::milliseconds handshake_deadline{10000};
  channel::PipeOptions pipe{.max_outgoing_bytes = 4 * 1024 * 1024, .max_in_flight = 64};
};

/// The HSM's end of the client tunnels: inner TLS with the cluster certificate, one Session per connection.
///
/// Promise   before the cluster is initialised there is no certificate to show, and connections are closed at once. A
///           client certificate makes a front end's session if its key is enrolled, and ends the handshake if not.
/// Errors    a peer that stops in mid-handshake, sends garbage or too much loses its own connection only.
/// Threads   the loop of the engine.
/// Lifetime  call Stop and let the loop run out before it is destroyed.
class Server {
 public:
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::local::stream_protocol, LoopExecutor>;

  using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                  boost::asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;

  Server(Engine& engine, ServerOptions options) : engine_(engine), options_(options) {}

  /// Takes over a listening Unix socket and accepts until Stop; meanwhile the vault has its turns.
  Status Listen(int descriptor);
  /// One tunnel that is connected already.
  void Serve(channel::StreamSocket socket);
  void Stop();
  std::size_t connections() const noexcept { return connections_; }

 private:
  static Task<void> Accept(std::shared_ptr<Acceptor> acceptor, Server* self);
  static Task<void> TurnVault(std::shared_ptr<Acceptor> acceptor, std::shared_ptr<Timer> timer, Server* self);
  static Task<void> Run(Server* self, channel::StreamSocket socket, channel::TlsContext context);
  Result<channel::TlsContext> CurrentContext();

  Engine& engine_;
  const ServerOptions options_;
  std::shared_ptr<Acceptor> acceptor_;
  std::shared_ptr<Timer> turns_;
  std::size_t connections_ = 0;
  std::optional<channel::TlsContext> context_;
  Bytes context_certificate_;  // DER of the certificate that context_ shows
};

}  // namespace strongroom::hsm
