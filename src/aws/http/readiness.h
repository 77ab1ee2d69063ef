#pragma once

#include <sys/types.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_set>

#include "base/result.h"
#include "base/task.h"
#include "channel/waiter.h"

namespace strongroom::aws {

class ReadySocket;

/// Which of a loop's client sockets can be read or written, by an edge-triggered epoll of its own inside the loop's.
///
/// Asio tries every read before it waits, which with clients that wait for their answers is a system call in vain for
/// each request, and queues each through its reactor; here one turn of the loop serves all sockets that are ready.
///
/// Threads   its loop's, but for Create.
/// Lifetime  outlives its sockets. Stop() before the loop ends.
/// Source    epoll(7), "Level-triggered and edge-triggered".
class Readiness : public std::enable_shared_from_this<Readiness> {
 public:
  /// Errors: kResourceExhausted out of descriptors.
  static Result<std::shared_ptr<Readiness>> Create(Loop& loop);

  /// Begins to look; call once, on the loop.
  void Start();
  void Stop();

 private:
  friend class ReadySocket;
  using Descriptor = boost::asio::posix::basic_stream_descriptor<LoopExecutor>;
  explicit Readiness(Descriptor epoll) : epoll_(std::move(epoll)) {}
  static Task<void> Watch(std::shared_ptr<Readiness> self);
  void Serve();

  Descriptor epoll_;
  std::unordered_set<ReadySocket*> sockets_;
};

/// A connected, non-blocking stream socket of one loop.
///
/// Threads   its loop's. One coroutine waits at a time.
class ReadySocket {
 public:
  /// Takes `descriptor` over. Where epoll does not take it, the socket is closed from the start.
  ReadySocket(std::shared_ptr<Readiness> readiness, int descriptor);
  ~ReadySocket();
  ReadySocket(const ReadySocket&) = delete;
  ReadySocket& operator=(const ReadySocket&) = delete;

  enum class Io { kDone, kWait, kEnd };
  struct Received {
    Io io;
    std::size_t bytes = 0;
  };
  /// kWait: nothing there, wait for more. kEnd: the peer has ended or the connection is broken.
  Received Receive(std::span<std::uint8_t> into);
  /// As much as the socket takes. kWait: it was not all, wait and send the rest. kEnd: broken.
  Received Send(std::span<const std::uint8_t> bytes);

  bool is_open() const noexcept { return descriptor_ >= 0; }
  bool may_read() const noexcept { return may_read_; }
  bool may_write() const noexcept { return may_write_; }
  /// To be awaited, where may_read (or may_write) is false: until something has changed or the socket is closed.
  auto Wait() {
    return boost::asio::async_initiate<const boost::asio::deferred_t, void(bool)>(Keep{this}, boost::asio::deferred);
  }
  /// Ends sending; what was sent still arrives.
  void ShutDown();
  /// Who waits is resumed in a later turn of the loop.
  void Close();

 private:
  friend class Readiness;
  using Waiting = channel::Resume<bool>;
  struct Keep {
    ReadySocket* socket;
    void operator()(Waiting waiting) const { socket->waiting_.emplace(std::move(waiting)); }
  };
  void Changed(std::uint32_t events);

  std::shared_ptr<Readiness> readiness_;
  int descriptor_;
  // Until a system call has said otherwise.
  bool may_read_ = true, may_write_ = true;
  bool ended_ = false;  // no edge comes after the peer's end: reading is tried until it says so
  std::optional<Waiting> waiting_;
};

}  // namespace strongroom::aws
