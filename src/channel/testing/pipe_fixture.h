#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>

#include "channel/testing/test_pki.h"
#include "channel/testing/test_relay.h"
#include "channel/tls_stream.h"
#include "channel/waiter.h"

namespace strongroom::channel::testing {

using UnixSocket = boost::asio::basic_stream_socket<boost::asio::local::stream_protocol, LoopExecutor>;

inline std::chrono::steady_clock::time_point In(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}
inline std::chrono::steady_clock::time_point Soon() { return In(std::chrono::seconds(60)); }

/// Keeps what a pipe says. `step` is called after each event.
struct Recorder final : PipeEvents {
  void OnFrame(wire::Frame& frame) override {
    frames.push_back(std::move(frame));
    frame = {};
    if (step) step();
  }
  void OnClosed(const Error& why) override {
    closed = why.code();
    if (step) step();
  }
  std::vector<wire::Frame> frames;
  std::optional<Errc> closed;
  std::function<void()> step;
};

/// Runs the loop until `done`, at most a minute; false when that was not enough.
template <typename Done>
bool RunUntil(Loop& loop, Done done) {
  const auto deadline = Soon();
  loop.restart();
  while (!done() && std::chrono::steady_clock::now() < deadline) loop.run_one_for(std::chrono::milliseconds(50));
  return done();
}

template <typename T>
Task<void> Keep(Task<T> task, std::optional<T>& out) {
  out.emplace(co_await std::move(task));
}
/// The task's value, with the loop run for it.
template <typename T>
T RunTask(Loop& loop, Task<T> task) {
  std::optional<T> out;
  boost::asio::co_spawn(loop, Keep(std::move(task), out), boost::asio::detached);
  if (!RunUntil(loop, [&] { return out.has_value(); })) LogTestFailure(Error(Errc::kTimeout, "A test task hangs."));
  return std::move(*out);
}

/// Two ends of one TLS layer over a socket pair, on one loop.
struct PipePair {
  PipePair(Loop& loop, const TlsContext& server_context, const TlsContext& client_context,
           PipeOptions server_options = {}, PipeOptions client_options = {}) {
    UnixSocket a(loop.get_executor()), b(loop.get_executor());
    boost::asio::local::connect_pair(a, b);
    server = TlsPipe::Server(std::move(a), {server_context}, server_options);
    client = TlsPipe::Client(std::move(b), {client_context}, client_options);
  }
  /// Both handshakes; the two outcomes.
  std::pair<Status, Status> Shake(Loop& loop) {
    std::optional<Status> at_server, at_client;
    boost::asio::co_spawn(loop, Keep(server->Handshake(Soon()), at_server), boost::asio::detached);
    boost::asio::co_spawn(loop, Keep(client->Handshake(Soon()), at_client), boost::asio::detached);
    if (!RunUntil(loop, [&] { return at_server && at_client; }))
      LogTestFailure(Error(Errc::kTimeout, "A handshake hangs."));
    return {std::move(*at_server), std::move(*at_client)};
  }
  void Close(Loop& loop) {
    server->Close();
    client->Close();
    loop.restart();
    loop.poll();
  }
  std::shared_ptr<TlsPipe> server, client;
};

/// An echoing inner end behind a Unix socket, as an HSM is, on the given loop.
struct EchoServer {
  EchoServer(Loop& l, std::filesystem::path path, TlsContext context)
      : loop(l), inner(std::move(context)), acceptor(l.get_executor(), {path.string()}) {
    boost::asio::co_spawn(loop, Accept(), boost::asio::detached);
  }
  struct Client final : PipeEvents, std::enable_shared_from_this<Client> {
    Client(EchoServer& o, std::shared_ptr<TlsPipe> p) : owner(o), pipe(std::move(p)) {}
    void OnFrame(wire::Frame& frame) override {
      ++owner.frames;
      frame.kind = wire::FrameKind::kReply;
      if (!pipe->Send(frame).ok()) ++owner.refused_sends;
    }
    void OnClosed(const Error& why) override {
      owner.closed.push_back(why.code());
      owner.clients.erase(shared_from_this());
    }
    EchoServer& owner;
    std::shared_ptr<TlsPipe> pipe;
  };
  Task<void> Accept() {
    for (;;) {
      boost::system::error_code ec;
      boost::asio::use_awaitable_t<LoopExecutor> token;
      UnixSocket socket(loop.get_executor());
      auto redirected = boost::asio::redirect_error(token, ec);
      co_await acceptor.async_accept(socket, redirected);
      if (ec) co_return;
      std::vector<TlsContext> layers{inner};
      boost::asio::co_spawn(loop, Serve(TlsPipe::Server(std::move(socket), std::move(layers))), boost::asio::detached);
    }
  }
  Task<void> Serve(std::shared_ptr<TlsPipe> pipe) {
    arriving.insert(pipe);
    const Status in = co_await pipe->Handshake(Soon());
    arriving.erase(pipe);
    if (!in.ok()) {
      refused.push_back(in.error().code());
      co_return;
    }
    auto client = std::make_shared<Client>(*this, pipe);
    clients.insert(client);
    pipe->Start(*client);
  }
  void Stop() {
    boost::system::error_code ignored;
    acceptor.close(ignored);
    for (const auto& client : clients) client->pipe->Close();
    clients.clear();
    const auto unfinished = arriving;  // closing one ends its coroutine, which takes it out of the set
    for (const auto& pipe : unfinished) pipe->Close();
  }

  Loop& loop;
  TlsContext inner;
  boost::asio::basic_socket_acceptor<boost::asio::local::stream_protocol, LoopExecutor> acceptor;
  std::set<std::shared_ptr<Client>> clients;
  std::set<std::shared_ptr<TlsPipe>> arriving;
  std::size_t frames = 0, refused_sends = 0;
  std::vector<Errc> refused, closed;
};

}  // namespace strongroom::channel::testing
