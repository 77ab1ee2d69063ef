#include "aws/http/readiness.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "base/log.h"

namespace strongroom::aws {
namespace asio = boost::asio;

Result<std::shared_ptr<Readiness>> Readiness::Create(Loop& loop) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return Error(Errc::kResourceExhausted, "No more file descriptors.");
  Descriptor descriptor(loop.get_executor());
  boost::system::error_code failed;
  descriptor.assign(epoll, failed);
  if (failed) {
    ::close(epoll);
    return Error(Errc::kResourceExhausted, "No more file descriptors.").WithDetail(failed.message());
  }
  return std::shared_ptr<Readiness>(new Readiness(std::move(descriptor)));
}

void Readiness::Start() {
  auto watching = Watch(shared_from_this());
  asio::co_spawn(epoll_.get_executor(), std::move(watching), asio::detached);
}

void Readiness::Stop() {
  boost::system::error_code ignored;
  epoll_.close(ignored);
}

Task<void> Readiness::Watch(std::shared_ptr<Readiness> self) {
  constexpr asio::as_tuple_t<asio::deferred_t> kTuple{};
  for (;;) {
    auto [failed] = co_await self->epoll_.async_wait(Descriptor::wait_read, kTuple);
    if (failed || !self->epoll_.is_open()) co_return;
    self->Serve();
  }
}

void Readiness::Serve() {
  std::array<epoll_event, 128> events;
  // What does not fit is reported in the next turn, so that others on this loop have theirs.
  const int count = ::epoll_wait(epoll_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    auto* socket = static_cast<ReadySocket*>(event.data.ptr);
    // Whoever was resumed for an earlier event may have ended this one.
    if (sockets_.contains(socket)) socket->Changed(event.events);
  }
}

ReadySocket::ReadySocket(std::shared_ptr<Readiness> readiness, int descriptor)
    : readiness_(std::move(readiness)), descriptor_(descriptor) {
  if (!is_open()) return;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = this;
  if (::epoll_ctl(readiness_->epoll_.native_handle(), EPOLL_CTL_ADD, descriptor_, &event) != 0) {
    spdlog::warn("epoll: {}", ::strerror(errno));
    Close();
    return;
  }
  readiness_->sockets_.insert(this);
}

ReadySocket::~ReadySocket() { Close(); }

ReadySocket::Received ReadySocket::Receive(std::span<std::uint8_t> into) {
  ssize_t count = 0;
  do {
    if (!is_open()) return {Io::kEnd};
    count = ::recv(descriptor_, into.data(), into.size(), MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count > 0) {
    // Less than there was room for is all there is: what comes next makes an edge.
    if (static_cast<std::size_t>(count) < into.size() && !ended_) may_read_ = false;
    return {Io::kDone, static_cast<std::size_t>(count)};
  }
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && !ended_) {
    may_read_ = false;
    return {Io::kWait};
  }
  return {Io::kEnd};
}

ReadySocket::Received ReadySocket::Send(std::span<const std::uint8_t> bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    if (!is_open()) return {Io::kEnd, sent};
    const ssize_t count = ::send(descriptor_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      may_write_ = false;
      return {Io::kWait, sent};
    } else if (errno != EINTR) {
      return {Io::kEnd, sent};
    }
  }
  return {Io::kDone, sent};
}

void ReadySocket::ShutDown() {
  if (is_open()) ::shutdown(descriptor_, SHUT_WR);
}

void ReadySocket::Close() {
  if (!is_open()) return;
  readiness_->sockets_.erase(this);
  ::close(std::exchange(descriptor_, -1));
  may_read_ = may_write_ = true;
  if (!waiting_) return;
  Waiting waiting = std::move(*waiting_);
  waiting_.reset();
  const auto executor = waiting.get_executor();
  asio::post(executor, [waiting = std::move(waiting)]() mutable { std::move(waiting)(false); });
}

void ReadySocket::Changed(std::uint32_t events) {
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ended_ = true;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) may_read_ = true;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) may_write_ = true;
  if (!waiting_) return;
  Waiting waiting = std::move(*waiting_);
  waiting_.reset();
  std::move(waiting)(true);
}

}  // namespace strongroom::aws
