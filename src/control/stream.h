#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <utility>

#include "control/link.h"

namespace strongroom::control {

/// Asio sockets with the loop's concrete executor type.
using TcpSocket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, LoopExecutor>;
using LocalSocket = boost::asio::basic_stream_socket<boost::asio::local::stream_protocol, LoopExecutor>;
using TlsSocket = boost::asio::ssl::stream<TcpSocket>;

/// What the control link needs of its TCP: small messages at once, and a machine that is gone without a word (power,
/// cable) noticed within about ten seconds. What the system does not take is left as it is.
void SetUpControlSocket(TcpSocket::lowest_layer_type& socket);

/// A LinkStream over any Asio stream: a socket, or a TLS stream whose handshake is done.
template <typename Stream>
class AsioLinkStream final : public LinkStream {
 public:
  explicit AsioLinkStream(Stream stream) : stream_(std::move(stream)) {}

  Task<Result<std::size_t>> ReadSome(std::span<std::uint8_t> room) override {
    auto [error, count] = co_await stream_.async_read_some(boost::asio::buffer(room.data(), room.size()), kToken);
    if (error) co_return Ended(error);
    co_return count;
  }
  Task<Status> Write(ByteView bytes) override {
    auto [error, count] =
        co_await boost::asio::async_write(stream_, boost::asio::buffer(bytes.data(), bytes.size()), kToken);
    if (error) co_return Ended(error);
    co_return Status{};
  }
  void Close() override {
    boost::system::error_code ignored;
    auto& socket = stream_.lowest_layer();
    socket.shutdown(boost::asio::socket_base::shutdown_both, ignored);
    socket.close(ignored);
  }

 private:
  static constexpr auto kToken = boost::asio::as_tuple(boost::asio::use_awaitable_t<LoopExecutor>{});
  static Error Ended(const boost::system::error_code& error) {
    return Error(Errc::kUnavailable, "The control link was lost.").WithDetail(error.message());
  }
  Stream stream_;
};

template <typename Stream>
std::unique_ptr<LinkStream> MakeLinkStream(Stream stream) {
  return std::make_unique<AsioLinkStream<Stream>>(std::move(stream));
}

}  // namespace strongroom::control
