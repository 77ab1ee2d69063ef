#pragma once

#include <sys/types.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"
#include "base/unique_fd.h"

namespace strongroom::aws {

/// Tells the connections of one loop when their sockets have something to read or room to write. It is an epoll set of
/// its own, in which a socket is entered once, edge-triggered; the loop waits for the set. Asio's reactor tries each
/// read before it waits, which fails after every request, and queues each completion by itself.
///
/// Threads   its loop, but for Open.
/// Lifetime  from Start to Stop the loop owns it, and with it the coroutines that wait here; they go with the loop.
class SocketWatch : public std::enable_shared_from_this<SocketWatch> {
 public:
  /// Errors: kResourceExhausted when there are no more descriptors.
  static Result<std::shared_ptr<SocketWatch>> Open(const LoopExecutor& executor);
  SocketWatch(const LoopExecutor& executor, UniqueFd set);
  SocketWatch(const SocketWatch&) = delete;

  void Start();
  /// Nobody is told of anything any more, and nobody may wait. Idempotent.
  void Stop();

 private:
  friend class WatchedSocket;
  using Resume = boost::asio::detail::awaitable_async_op_handler<void(), LoopExecutor>;
  enum class For : std::uint8_t { kRead, kWrite };
  struct Place {
    std::uint32_t generation = 0;  // tells events of the socket that was here before from those of this one
    bool open = false, readable = false, writable = false, ended = false;
    For waits_for = For::kRead;
    std::optional<Resume> waiting;
  };
  static constexpr int kMostEvents = 128;

  std::optional<std::uint32_t> Enter(int socket);
  void Leave(std::uint32_t place);
  void Wait(std::uint32_t place, For what, Resume resume);
  void WaitForSet();
  /// Notes what has happened and lets those go on who wait for it.
  void Look();
  void GoOn(Resume resume);

  LoopExecutor executor_;
  boost::asio::posix::basic_stream_descriptor<LoopExecutor> set_;
  std::vector<Place> places_;
  std::vector<std::uint32_t> free_;
  std::vector<Resume> due_;
  bool stopped_ = false;
};

/// One connected TCP socket, which does not block. `co_await Readable()` and Writable() where Receive and Send say that
/// nothing goes now.
///
/// Threads   its loop.
/// Lifetime  it may outlive the watch.
class WatchedSocket {
  auto Until(SocketWatch::For what) {
    auto wait = [this, what](SocketWatch::Resume resume) { watch_->Wait(place_, what, std::move(resume)); };
    return boost::asio::async_initiate<const boost::asio::deferred_t, void()>(std::move(wait), boost::asio::deferred);
  }

 public:
  /// A socket that cannot be watched is closed at once. `socket` is in non-blocking mode.
  WatchedSocket(UniqueFd socket, const std::shared_ptr<SocketWatch>& watch);
  ~WatchedSocket() { Close(); }
  WatchedSocket(const WatchedSocket&) = delete;

  bool is_open() const noexcept { return static_cast<bool>(socket_); }
  /// Bytes received, 0 when there are none now; none when the peer has ended or the connection is lost.
  std::optional<std::size_t> Receive(std::span<std::uint8_t> into);
  /// Bytes taken, 0 when there is no room now; none when the connection is lost.
  std::optional<std::size_t> Send(ByteView bytes);
  /// Also ends when the socket is closed.
  auto Readable() { return Until(SocketWatch::For::kRead); }
  auto Writable() { return Until(SocketWatch::For::kWrite); }
  /// The peer reads an end; what it sends can still be received.
  void EndSending() noexcept;
  /// Who waits goes on. Idempotent.
  void Close();

 private:
  UniqueFd socket_;
  SocketWatch* watch_;  // there while a coroutine of the loop runs
  std::weak_ptr<SocketWatch> alive_;
  std::uint32_t place_ = 0;
};

}  // namespace strongroom::aws
