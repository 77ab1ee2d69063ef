#include "hsm_host/packet_link.h"

#include <errno.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>

#include "base/log.h"
#include "hsm_host/key_file.h"

namespace strongroom::hsm_host {
namespace net = boost::asio;
namespace {
constexpr std::size_t kMaxPacketBytes = 128 * 1024;
constexpr int kQueueBytes = 4 << 20;
constexpr auto kToken = net::as_tuple(net::use_awaitable_t<LoopExecutor>{});
}  // namespace

Result<std::pair<UniqueFd, UniqueFd>> PacketLink::MakePair() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return FileError("make", "a socket pair", errno);
  return std::make_pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

Result<std::shared_ptr<PacketLink>> PacketLink::Make(Loop& loop, UniqueFd socket) {
  // The queue may not be granted in full; a packet is bounded far below what every kernel grants.
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &kQueueBytes, sizeof kQueueBytes);
  std::shared_ptr<PacketLink> link(new PacketLink(loop));
  boost::system::error_code failed;
  link->socket_.assign(net::generic::seq_packet_protocol(AF_UNIX, 0), socket.get(), failed);
  if (failed) return Error(Errc::kInternal, "The supervisor's line cannot be used.").WithDetail(failed.message());
  static_cast<void>(socket.Release());
  link->room_.resize(kMaxPacketBytes);
  return link;
}

void PacketLink::Start(OnMessage on_message, OnClosed on_closed) {
  on_message_ = std::move(on_message);
  on_closed_ = std::move(on_closed);
  net::co_spawn(
      socket_.get_executor(), [self = shared_from_this()] { return self->ReadLoop(); },
      [self = shared_from_this()](std::exception_ptr thrown) {
        if (thrown) self->Fail();
      });
}

Task<void> PacketLink::ReadLoop() {
  while (socket_.is_open()) {
    auto [failed] = co_await socket_.async_wait(net::socket_base::wait_read, kToken);
    if (failed) co_return Fail();
    while (socket_.is_open() && ReceiveOne()) {
    }
  }
}

bool PacketLink::ReceiveOne() {
  iovec part{room_.data(), room_.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(socket_.native_handle(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got <= 0) {
    Fail();
    return false;
  }
  UniqueFd descriptor;
  for (cmsghdr* at = CMSG_FIRSTHDR(&header); at != nullptr; at = CMSG_NXTHDR(&header, at)) {
    if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t i = 0; i < (at->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(at) + i * sizeof(int), sizeof fd);
      descriptor.Reset(fd);  // of several, which we never send, the last is kept and the others are closed
    }
  }
  proto::HostMessage message;
  if ((header.msg_flags & MSG_TRUNC) != 0 || !message.ParseFromArray(room_.data(), static_cast<int>(got))) {
    log::Error("The line between supervisor and relay carried nonsense.");
    Fail();
    return false;
  }
  const auto on_message = on_message_;
  if (on_message) on_message(std::move(message), std::move(descriptor));
  return true;
}

Status PacketLink::Send(const proto::HostMessage& message, int descriptor) {
  if (!socket_.is_open()) return Error(Errc::kUnavailable, "The supervisor's line is closed.");
  std::string text;
  if (!message.SerializeToString(&text)) return Error(Errc::kInternal, "A message cannot be written.");
  if (text.size() > kMaxPacketBytes) return Error(Errc::kRequestTooLarge, "The message is too large for the host.");
  iovec part{text.data(), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (descriptor >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &descriptor, sizeof(int));
  }
  const ssize_t sent = ::sendmsg(socket_.native_handle(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent == static_cast<ssize_t>(text.size())) return {};
  const int error = errno;
  Fail();
  return Error(Errc::kUnavailable, "The supervisor's line was lost.")
      .WithDetail(sent < 0 ? ::strerrordesc_np(error) : "a packet was cut");
}

void PacketLink::Fail() {
  const auto on_closed = std::exchange(on_closed_, {});
  Close();
  if (on_closed) on_closed();
}

void PacketLink::Close() {
  on_message_ = {};
  on_closed_ = {};
  boost::system::error_code ignored;
  if (socket_.is_open()) socket_.close(ignored);
}

}  // namespace strongroom::hsm_host
