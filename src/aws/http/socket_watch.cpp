#include "aws/http/socket_watch.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/log.h"

namespace strongroom::aws {
namespace asio = boost::asio;

SocketWatch::SocketWatch(const LoopExecutor& executor, UniqueFd set) : executor_(executor), set_(executor) {
  set_.assign(set.Release());
}

Result<std::shared_ptr<SocketWatch>> SocketWatch::Open(const LoopExecutor& executor) {
  UniqueFd set(::epoll_create1(EPOLL_CLOEXEC));
  if (!set) return Error(Errc::kResourceExhausted, "There are no file descriptors left to serve connections with.");
  return std::make_shared<SocketWatch>(executor, std::move(set));
}

void SocketWatch::Start() { WaitForSet(); }

void SocketWatch::Stop() {
  stopped_ = true;
  boost::system::error_code ignored;
  set_.close(ignored);
}

void SocketWatch::WaitForSet() {
  if (stopped_) return;
  set_.async_wait(asio::posix::descriptor_base::wait_read,
                  [self = shared_from_this()](const boost::system::error_code& failed) {
                    if (!failed) self->Look();
                  });
}

std::optional<std::uint32_t> SocketWatch::Enter(int socket) {
  if (stopped_) return {};
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(places_.size()));
    places_.emplace_back();
  }
  const std::uint32_t place = free_.back();
  const std::uint32_t generation = places_[place].generation + 1;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = std::uint64_t{generation} << 32 | place;
  if (::epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, socket, &event) != 0) {
    log::Warn("a connection cannot be watched: {}", std::generic_category().message(errno));
    return {};
  }
  free_.pop_back();
  Place& entered = places_[place];
  entered.generation = generation;
  entered.open = entered.readable = entered.writable = true;  // it is tried once before it is waited for
  entered.ended = false;
  return place;
}

void SocketWatch::Leave(std::uint32_t number) {
  if (number >= places_.size()) return;  // the watch is going
  Place& place = places_[number];
  place.open = false;
  free_.push_back(number);
  if (!place.waiting) return;
  GoOn(std::move(*place.waiting));
  place.waiting.reset();
}

/// Not at once: who closes may be in the middle of something.
void SocketWatch::GoOn(Resume resume) {
  asio::post(executor_, [resume = std::move(resume)]() mutable { std::move(resume)(); });
}

void SocketWatch::Wait(std::uint32_t number, For what, Resume resume) {
  Place& place = places_[number];
  if (stopped_ || !place.open || (what == For::kRead ? place.readable : place.writable)) return GoOn(std::move(resume));
  place.waits_for = what;
  place.waiting.emplace(std::move(resume));
}

void SocketWatch::Look() {
  if (stopped_) return;
  std::array<epoll_event, kMostEvents> events;
  const int count = ::epoll_wait(set_.native_handle(), events.data(), kMostEvents, 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    Place& place = places_[static_cast<std::uint32_t>(event.data.u64)];
    if (!place.open || place.generation != event.data.u64 >> 32) continue;
    if ((event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) place.ended = true;
    if (place.ended || (event.events & EPOLLIN) != 0) place.readable = true;
    if (place.ended || (event.events & EPOLLOUT) != 0) place.writable = true;
    if (place.waiting && (place.waits_for == For::kRead ? place.readable : place.writable)) {
      due_.push_back(std::move(*place.waiting));
      place.waiting.reset();
    }
  }
  for (Resume& one : due_) {
    try {
      std::move(one)();
    } catch (const std::exception& failure) {
      log::Error("event loop: unexpected exception: {}", failure.what());
    }
  }
  due_.clear();
  if (count < kMostEvents) return WaitForSet();
  asio::post(executor_, [self = shared_from_this()] { self->Look(); });
}

WatchedSocket::WatchedSocket(UniqueFd socket, const std::shared_ptr<SocketWatch>& watch)
    : socket_(std::move(socket)), watch_(watch.get()), alive_(watch) {
  if (const auto place = watch->Enter(socket_.get())) {
    place_ = *place;
  } else {
    socket_.Reset();
  }
}

std::optional<std::size_t> WatchedSocket::Receive(std::span<std::uint8_t> into) {
  if (!socket_) return {};
  SocketWatch::Place& place = watch_->places_[place_];
  while (place.readable) {
    const ssize_t count = ::recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT);
    if (count > 0) {
      // A socket that gave less than it was asked for is empty (epoll(7)); what comes later is an event. An end that
      // has come already is none: it is read.
      if (static_cast<std::size_t>(count) < into.size()) place.readable = place.ended;
      return static_cast<std::size_t>(count);
    }
    if (count == 0) return {};
    if (errno == EAGAIN) {
      place.readable = false;
    } else if (errno != EINTR) {
      return {};
    }
  }
  return 0;
}

std::optional<std::size_t> WatchedSocket::Send(ByteView bytes) {
  if (!socket_) return {};
  for (;;) {
    const ssize_t count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EAGAIN) {
      watch_->places_[place_].writable = false;
      return 0;
    }
    if (errno != EINTR) return {};
  }
}

void WatchedSocket::EndSending() noexcept {
  if (socket_) ::shutdown(socket_.get(), SHUT_WR);
}

void WatchedSocket::Close() {
  if (!socket_) return;
  socket_.Reset();
  if (const auto watch = alive_.lock()) watch->Leave(place_);
}

}  // namespace strongroom::aws
