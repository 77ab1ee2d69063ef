#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/task.h"
#include "channel/tls_context.h"
#include "wire/frame.h"

namespace strongroom::channel {

/// A TCP or Unix stream socket; asio's own sockets of either kind (with LoopExecutor) convert by move.
using StreamSocket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, LoopExecutor>;

/// What a TlsPipe tells its owner, on the pipe's loop. The owner may send and close from inside.
class PipeEvents {
 public:
  /// One whole frame; it may be moved from.
  virtual void OnFrame(wire::Frame& frame) = 0;
  /// Exactly once and last, unless the owner closed the pipe itself. kUnavailable: the peer went away;
  /// kSerialization, kRequestTooLarge: it sent garbage; kUntrusted: it refused our certificate.
  virtual void OnClosed(const Error& why) = 0;

 protected:
  ~PipeEvents() = default;
};

struct PipeOptions {
  /// Send refuses beyond this, and reading pauses beyond half of it until the peer has taken what waits.
  std::size_t max_outgoing_bytes = 4 * 1024 * 1024;
  /// Requests handed out and not yet answered with a reply frame, beyond which reading pauses. 0: no bound.
  std::size_t max_in_flight = 0;
};

struct PipeCounters {
  std::uint64_t frames_in = 0, frames_out = 0;
  std::uint64_t flushes = 0;  // each is one write to the TLS stack
};

/// Frames through one or two TLS layers over one socket, made for many small messages: what is sent while a write is
/// under way leaves in one piece after it, and everything that arrived is read at once.
///
/// Promise   frames arrive whole, in order and unaltered, or the pipe closes. The second layer sends nothing before the
///           first has accepted its peer.
/// Secrets   plaintext passes through wiped buffers only.
/// Threads   belongs to the loop of its socket; every call is made there.
/// Lifetime  held by shared_ptr; operations under way keep it alive. Events are not called after Close. Close a pipe
///           whose Handshake is under way before its loop is destroyed, or the waiting coroutine is leaked.
class TlsPipe : public std::enable_shared_from_this<TlsPipe> {
 public:
  /// `layers` from outside to inside: {outer, inner} for a client of an HSM.
  static std::shared_ptr<TlsPipe> Client(StreamSocket socket, std::vector<TlsContext> layers, PipeOptions options = {});
  static std::shared_ptr<TlsPipe> Server(StreamSocket socket, std::vector<TlsContext> layers, PipeOptions options = {});
  ~TlsPipe();
  TlsPipe(const TlsPipe&) = delete;
  TlsPipe& operator=(const TlsPipe&) = delete;

  /// All layers' handshakes. Closes the pipe on failure.
  /// Errors: kUntrusted a certificate was refused, here or there; kTimeout; kUnavailable; kSerialization not TLS.
  Task<Status> Handshake(std::chrono::steady_clock::time_point deadline);
  /// From now on frames are handed to `events`. After a successful Handshake, once.
  void Start(PipeEvents& events);

  /// Queues a frame. Errors: kRequestTooLarge; kResourceExhausted when max_outgoing_bytes wait; kUnavailable closed.
  Status Send(const wire::Frame& frame);
  /// The same with the protobuf serialised in place instead of frame.message.
  Status Send(const wire::Frame& frame, const google::protobuf::MessageLite& message);

  /// Sends what waits, then closes; events end with OnClosed(kCancelled).
  void Finish();
  /// Closes now. Idempotent.
  void Close();
  bool open() const noexcept;

  /// The innermost peer's certificate, after the handshake.
  const std::optional<crypto::Certificate>& peer_certificate() const noexcept;
  std::size_t outgoing_bytes() const noexcept;
  const PipeCounters& counters() const noexcept;
  LoopExecutor get_executor();

  struct Impl;
  explicit TlsPipe(std::unique_ptr<Impl> impl) noexcept;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace strongroom::channel
