#include "channel/connect.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>

#include "channel/waiter.h"

namespace strongroom::channel {
namespace asio = boost::asio;
using TcpSocket = asio::basic_stream_socket<asio::ip::tcp, LoopExecutor>;

namespace {
Error Cancelled() { return Error(Errc::kCancelled, "The attempt to connect was given up."); }
}  // namespace

void ConnectAttempt::Step(std::function<void()> end) {
  end_ = std::move(end);
  if (cancelled_) Cancel();
}

void ConnectAttempt::Cancel() {
  cancelled_ = true;
  const std::function<void()> end = std::exchange(end_, nullptr);
  if (end) end();
}

Task<Result<std::shared_ptr<TlsPipe>>> ConnectNested(std::string address, std::uint16_t port, TlsContext outer,
                                                     TlsContext inner, std::chrono::steady_clock::time_point deadline,
                                                     PipeOptions options, std::shared_ptr<ConnectAttempt> attempt) {
  if (!attempt) attempt = std::make_shared<ConnectAttempt>();
  boost::system::error_code ec;
  const asio::ip::address ip = asio::ip::make_address(address, ec);
  if (ec) co_return Error(Errc::kInvalidArgument, "\"" + address + "\" is not an IP address.");
  const LoopExecutor executor = co_await asio::this_coro::executor;

  auto socket = std::make_shared<TcpSocket>(executor);
  auto timed_out = std::make_shared<bool>(false);
  LoopTimer timer(executor, deadline);
  timer.async_wait([socket, timed_out](boost::system::error_code wait_error) {
    if (wait_error) return;
    *timed_out = true;
    boost::system::error_code ignored;
    socket->close(ignored);
  });
  std::function<void()> close_socket = [socket] {
    boost::system::error_code ignored;
    socket->close(ignored);
  };
  const asio::ip::tcp::endpoint endpoint(ip, port);
  asio::use_awaitable_t<LoopExecutor> token;
  auto redirected = asio::redirect_error(token, ec);
  if (attempt->cancelled()) co_return Cancelled();
  attempt->Step(std::move(close_socket));
  co_await socket->async_connect(endpoint, redirected);
  attempt->Step(nullptr);
  timer.cancel();
  if (attempt->cancelled()) co_return Cancelled();
  if (*timed_out) co_return Error(Errc::kTimeout, "No connection to " + address + " within the time.");
  if (ec)
    co_return Error(Errc::kUnavailable, "Cannot connect to " + address + ":" + std::to_string(port) + ".")
        .WithDetail(ec.message());
  socket->set_option(asio::ip::tcp::no_delay(true), ec);
  socket->set_option(asio::socket_base::keep_alive(true), ec);

  std::vector<TlsContext> layers{std::move(outer), std::move(inner)};
  auto pipe = TlsPipe::Client(StreamSocket(std::move(*socket)), std::move(layers), options);
  std::function<void()> close_pipe = [weak = std::weak_ptr<TlsPipe>(pipe)] {
    if (const auto held = weak.lock()) held->Close();
  };
  attempt->Step(std::move(close_pipe));
  Status handshake = co_await pipe->Handshake(deadline);
  attempt->Step(nullptr);
  if (attempt->cancelled()) co_return Cancelled();
  if (!handshake.ok()) co_return std::move(handshake).error();
  co_return pipe;
}

}  // namespace strongroom::channel
