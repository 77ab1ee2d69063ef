#pragma once

#include <boost/asio/buffer.hpp>

#include "channel/tls_layer.h"
#include "channel/tls_stream.h"
#include "channel/waiter.h"
#include "secret/secret_vector.h"

namespace strongroom::channel {

/// The workings of TlsPipe: bytes go from the socket through the layers to frames (Drive) and back (Flush).
struct TlsPipe::Impl {
  Impl(StreamSocket s, std::vector<TlsContext> contexts, TlsLayer::Side side, PipeOptions o);

  // Reading.
  void ReadSome();
  void OnRead(boost::system::error_code ec, std::size_t n);
  void Drive();
  Result<bool> DriveHandshakes();  // true when all are done
  Result<bool> DriveFrames();      // false when more input is needed or reading is paused
  Status DecodeAll();
  Result<std::size_t> ReadLayer(std::size_t index, std::span<std::uint8_t> into);
  bool Paused() const noexcept;
  void ResumeIfPaused();

  // Writing.
  template <typename Encode>
  Status Queue(const wire::Frame& frame, Encode&& encode);
  void FlushSoon();
  void FlushAfterTurn(int turns);
  void Flush();
  void OnWritten(boost::system::error_code ec);
  Status PushDown();  // moves what the upper layers put out into the lowest one

  // Ending.
  void Fail(Error why);
  void Disconnect(bool say_goodbye);
  void Linger();
  void EndHandshake(Status status);

  std::shared_ptr<TlsPipe> Self() { return owner->shared_from_this(); }

  TlsPipe* owner = nullptr;
  StreamSocket socket;
  LoopTimer timer;
  const TlsLayer::Side side;
  const PipeOptions options;
  PipeEvents* events = nullptr;
  PipeCounters counters;
  std::optional<crypto::Certificate> peer;
  Waiter<Status> handshake;

  std::vector<std::unique_ptr<TlsLayer>> layers;  // from outside to inside
  std::size_t established = 0;
  Bytes raw;                   // from the socket; the lowest layer reads it in place
  std::vector<Bytes> between;  // [i]: what layer i decrypted for layer i + 1 to read in place
  secret::SecretBytes plain;
  std::size_t plain_begin = 0, plain_end = 0;
  wire::Frame frame;  // kept, so that its buffers are

  secret::SecretBytes pending;  // encoded frames that are not in the TLS layers yet
  std::size_t pending_begin = 0;
  Bytes writing;  // what the socket is taking
  std::size_t in_flight = 0;

  bool open = true, handshaking = false, reading = false, write_active = false, write_broken = false;
  bool driving = false, flush_posted = false, drive_posted = false, finishing = false, stalled = false;
};

}  // namespace strongroom::channel
