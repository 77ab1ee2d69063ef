#include "channel/testing/test_relay.h"

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>

#include "base/task.h"
#include "channel/waiter.h"

namespace strongroom::channel::testing {
namespace asio = boost::asio;
using asio::ip::tcp;
using TcpSocket = asio::basic_stream_socket<tcp, LoopExecutor>;
using UnixSocket = asio::basic_stream_socket<asio::local::stream_protocol, LoopExecutor>;
using Token = asio::use_awaitable_t<LoopExecutor>;

struct TestRelay::Impl {
  Loop loop{1};
  TlsContext outer;
  std::filesystem::path socket;
  asio::basic_socket_acceptor<tcp, LoopExecutor> acceptor{loop.get_executor()};
  std::thread thread;
  mutable std::mutex mutex;
  Bytes captured;
  std::atomic<bool> capture{false};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::int64_t> cut_after{-1};

  struct Connection {
    Connection(TcpSocket client_socket, const TlsContext& outer_context, LoopExecutor executor)
        : client(std::move(client_socket), outer_context.asio()), hsm(executor) {}
    asio::ssl::stream<TcpSocket> client;
    UnixSocket hsm;
    void Cut() {
      boost::system::error_code ignored;
      client.lowest_layer().close(ignored);
      hsm.close(ignored);
    }
  };
  std::set<std::shared_ptr<Connection>> connections;
  bool closing = false;  // nothing is served any more that the end has not seen to cut

  explicit Impl(TlsContext context) : outer(std::move(context)) {}

  void Keep(ByteView bytes) {
    if (!capture) return;
    const std::lock_guard lock(mutex);
    if (captured.size() < (1u << 20)) Append(captured, bytes);
  }

  Task<void> Accept() {
    for (;;) {
      boost::system::error_code ec;
      Token token;
      TcpSocket client(loop.get_executor());
      auto redirected = asio::redirect_error(token, ec);
      co_await acceptor.async_accept(client, redirected);
      if (ec || closing) co_return;
      client.set_option(tcp::no_delay(true), ec);
      auto connection = std::make_shared<Connection>(std::move(client), outer, loop.get_executor());
      asio::co_spawn(loop, Serve(connection), asio::detached);
    }
  }

  Task<void> Serve(std::shared_ptr<Connection> connection) {
    if (closing) co_return;
    boost::system::error_code ec;
    Token token;
    auto redirected = asio::redirect_error(token, ec);
    connections.insert(connection);
    co_await connection->client.async_handshake(asio::ssl::stream_base::server, redirected);
    if (ec) {
      co_await Linger(connection);
      connections.erase(connection);
      co_return;
    }
    ++accepted;
    const asio::local::stream_protocol::endpoint endpoint(socket.string());
    co_await connection->hsm.async_connect(endpoint, redirected);
    if (ec) {
      connection->Cut();
      connections.erase(connection);
      co_return;
    }
    asio::co_spawn(loop, Copy(connection, connection->client, connection->hsm, false), asio::detached);
    co_await Copy(connection, connection->hsm, connection->client, true);
    connections.erase(connection);
  }

  /// Reads on until the client has seen the alert and leaves.
  Task<void> Linger(std::shared_ptr<Connection> connection) {
    boost::system::error_code ec;
    connection->client.lowest_layer().shutdown(asio::socket_base::shutdown_send, ec);
    std::array<std::uint8_t, 4096> discarded;
    while (!ec) {
      Token token;
      auto redirected = asio::redirect_error(token, ec);
      co_await connection->client.next_layer().async_read_some(asio::buffer(discarded), redirected);
    }
    connection->Cut();
  }

  template <typename From, typename To>
  Task<void> Copy(std::shared_ptr<Connection> connection, From& from, To& to, bool to_client) {
    Bytes buffer(64 * 1024);
    for (;;) {
      boost::system::error_code ec;
      Token token;
      auto redirected = asio::redirect_error(token, ec);
      const std::size_t n = co_await from.async_read_some(asio::buffer(buffer), redirected);
      if (ec) break;
      Keep(ByteView(buffer).first(n));
      std::size_t pass = n;
      if (to_client && cut_after >= 0) {
        const std::int64_t left = cut_after;
        pass = std::min<std::size_t>(n, static_cast<std::size_t>(left));
        cut_after = left - static_cast<std::int64_t>(pass);
      }
      co_await asio::async_write(to, asio::buffer(buffer.data(), pass), redirected);
      if (ec || pass < n) break;
    }
    connection->Cut();
  }
};

TestRelay::TestRelay(TlsContext outer, std::filesystem::path socket, std::string address, std::uint16_t port)
    : impl_(std::make_unique<Impl>(std::move(outer))) {
  impl_->socket = std::move(socket);
  const tcp::endpoint endpoint(asio::ip::make_address(address), port);
  impl_->acceptor.open(endpoint.protocol());
  impl_->acceptor.set_option(asio::socket_base::reuse_address(true));
  impl_->acceptor.bind(endpoint);
  impl_->acceptor.listen();
  asio::co_spawn(impl_->loop, impl_->Accept(), asio::detached);
  impl_->thread = std::thread([impl = impl_.get()] { impl->loop.run(); });
}

TestRelay::~TestRelay() {
  asio::post(impl_->loop, [impl = impl_.get()] {
    boost::system::error_code ignored;
    impl->acceptor.close(ignored);
    impl->closing = true;
    for (const auto& connection : impl->connections) connection->Cut();
  });
  impl_->thread.join();
}

std::uint16_t TestRelay::port() const { return impl_->acceptor.local_endpoint().port(); }
Bytes TestRelay::Captured() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->captured;
}
void TestRelay::Capture() { impl_->capture = true; }
std::uint64_t TestRelay::accepted() const { return impl_->accepted; }
void TestRelay::CutAll() {
  asio::post(impl_->loop, [impl = impl_.get()] {
    for (const auto& connection : impl->connections) connection->Cut();
  });
}
void TestRelay::CutAfter(std::int64_t bytes_to_client) { impl_->cut_after = bytes_to_client; }

}  // namespace strongroom::channel::testing
