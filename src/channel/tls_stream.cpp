#include "channel/tls_stream.h"

#include <boost/asio/defer.hpp>
#include <boost/asio/write.hpp>
#include <cstring>

#include "channel/pipe_impl.h"

namespace strongroom::channel {
namespace asio = boost::asio;
namespace {

constexpr std::size_t kRawBytes = 64 * 1024;
constexpr std::size_t kRecordBytes = 16 * 1024;        // the most that one SSL_read gives
constexpr std::size_t kPlainBytes = 2 * kRecordBytes;  // to begin with
constexpr std::size_t kFlushBytes = 256 * 1024;        // encrypted in one go, so that a loop's others get their turn
constexpr std::size_t kMaxWholeFrame = 4 + wire::kMaxFrameBytes;
constexpr int kMostTurns = 3;  // of the loop that frames wait for others
constexpr auto kLinger = std::chrono::seconds(2);

std::string PeerName(TlsLayer::Side side, std::size_t index, std::size_t count) {
  if (side == TlsLayer::Side::kServer) return "client";
  if (count == 1) return "peer";
  return index == 0 ? "host" : "HSM";
}

}  // namespace

TlsPipe::Impl::Impl(StreamSocket s, std::vector<TlsContext> contexts, TlsLayer::Side which, PipeOptions o)
    : socket(std::move(s)), timer(socket.get_executor()), side(which), options(o), raw(kRawBytes), plain(kPlainBytes) {
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    layers.push_back(std::make_unique<TlsLayer>(contexts[i], side, PeerName(side, i, contexts.size())));
    if (i + 1 < contexts.size()) between.emplace_back(kRecordBytes);
  }
}

// ---- reading

void TlsPipe::Impl::ReadSome() {
  if (reading || !open) return;
  reading = true;
  socket.async_read_some(asio::buffer(raw),
                         [self = Self()](boost::system::error_code ec, std::size_t n) { self->impl_->OnRead(ec, n); });
}

void TlsPipe::Impl::OnRead(boost::system::error_code ec, std::size_t n) {
  reading = false;
  if (!open) return;
  if (ec) return Fail(Error(Errc::kUnavailable, "The connection was lost.").WithDetail(ec.message()));
  layers.front()->Feed(ByteView(raw).first(n));
  Drive();
}

void TlsPipe::Impl::Drive() {
  if (driving || !open) return;
  driving = true;
  bool all_read = true;
  if (established < layers.size()) {
    auto done = DriveHandshakes();
    if (!done.ok()) {
      driving = false;
      return Fail(std::move(done).error());
    }
    if (*done) {
      peer = layers.back()->PeerCertificate();
      EndHandshake({});
    }
  }
  if (open && established == layers.size()) {
    if (events == nullptr) {
      all_read = false;  // Start goes on from here
    } else {
      auto more = DriveFrames();
      if (!more.ok()) {
        driving = false;
        return Fail(std::move(more).error());
      }
      all_read = *more;
    }
  }
  driving = false;
  if (!open) return;
  stalled = !all_read;
  if (!flush_posted) Flush();
  if (open && all_read) ReadSome();
}

Result<bool> TlsPipe::Impl::DriveHandshakes() {
  while (established < layers.size()) {
    SR_TRY(const bool done, layers[established]->Handshake());
    if (done) {
      ++established;
      continue;
    }
    if (established == 0) return false;
    Bytes& below = between[established - 1];
    SR_TRY(const std::size_t n, ReadLayer(established - 1, below));
    if (n == 0) return false;
    layers[established]->Feed(ByteView(below).first(n));
  }
  return true;
}

Result<std::size_t> TlsPipe::Impl::ReadLayer(std::size_t index, std::span<std::uint8_t> into) {
  for (;;) {
    SR_TRY(const std::size_t n, layers[index]->Read(into));
    if (n > 0 || index == 0) return n;
    Bytes& below = between[index - 1];
    SR_TRY(const std::size_t fed, ReadLayer(index - 1, below));
    if (fed == 0) return std::size_t{0};
    layers[index]->Feed(ByteView(below).first(fed));
  }
}

/// True when everything that arrived is handed out, false when reading is to pause.
Result<bool> TlsPipe::Impl::DriveFrames() {
  for (;;) {
    SR_CHECK(DecodeAll());
    if (!open) return true;
    if (Paused()) return false;
    if (plain_begin == plain_end) {
      plain_begin = plain_end = 0;
    } else if (plain.size() - plain_end < kRecordBytes) {
      std::memmove(plain.data(), plain.data() + plain_begin, plain_end - plain_begin);
      plain_end -= plain_begin;
      plain_begin = 0;
      if (plain.size() - plain_end < kRecordBytes)
        plain.resize(std::min(plain.size() * 2, kMaxWholeFrame + kRecordBytes));
    }
    SR_TRY(const std::size_t n, ReadLayer(layers.size() - 1, std::span(plain).subspan(plain_end)));
    if (n == 0) return true;
    plain_end += n;
  }
}

Status TlsPipe::Impl::DecodeAll() {
  while (open && !Paused()) {
    SR_TRY(const std::size_t used,
           wire::FrameCodec::Decode(ByteView(plain).subspan(plain_begin, plain_end - plain_begin), frame));
    if (used == 0) return {};
    plain_begin += used;
    ++counters.frames_in;
    if (frame.kind == wire::FrameKind::kRequest) ++in_flight;
    events->OnFrame(frame);
  }
  return {};
}

bool TlsPipe::Impl::Paused() const noexcept {
  return pending.size() - pending_begin + writing.size() > options.max_outgoing_bytes / 2 ||
         (options.max_in_flight != 0 && in_flight >= options.max_in_flight);
}

void TlsPipe::Impl::ResumeIfPaused() {
  if (!stalled || events == nullptr || drive_posted || Paused()) return;
  drive_posted = true;
  asio::defer(socket.get_executor(), [self = Self()] {
    self->impl_->drive_posted = false;
    self->impl_->Drive();
  });
}

// ---- writing

template <typename Encode>
Status TlsPipe::Impl::Queue(const wire::Frame& outgoing, Encode&& encode) {
  if (!open || finishing) return Error(Errc::kUnavailable, "The connection is closed.");
  if (pending.size() - pending_begin + writing.size() >= options.max_outgoing_bytes)
    return Error(Errc::kResourceExhausted, "The peer does not take what is sent to it.");
  SR_CHECK(encode());
  ++counters.frames_out;
  if (outgoing.kind == wire::FrameKind::kReply && in_flight > 0) {
    --in_flight;
    ResumeIfPaused();
  }
  FlushSoon();
  return {};
}

void TlsPipe::Impl::FlushSoon() {
  if (driving || flush_posted || write_active) return;
  flush_posted = true;
  FlushAfterTurn(0);
}

/// Whoever is ready to run on this loop now gets its frame into the same write, and as long as each turn brings more
/// frames, the next turn's get in as well: what a write costs the peers is nearly the same for one and for sixty.
void TlsPipe::Impl::FlushAfterTurn(int turns) {
  asio::defer(socket.get_executor(), [self = Self(), turns, seen = counters.frames_out] {
    Impl& impl = *self->impl_;
    if (impl.counters.frames_out != seen && turns < kMostTurns && impl.open) return impl.FlushAfterTurn(turns + 1);
    impl.flush_posted = false;
    impl.Flush();
  });
}

Status TlsPipe::Impl::PushDown() {
  for (std::size_t i = layers.size() - 1; i > 0; --i) {
    if (layers[i]->out().empty()) continue;
    SR_CHECK(layers[i - 1]->Write(layers[i]->out()));
    layers[i]->out().clear();
  }
  return {};
}

void TlsPipe::Impl::Flush() {
  if (write_active || write_broken || !open) return;
  if (pending.size() > pending_begin && established == layers.size()) {
    const std::size_t n = std::min(pending.size() - pending_begin, kFlushBytes);
    Status written = layers.back()->Write(ByteView(pending).subspan(pending_begin, n));
    if (!written.ok()) return Fail(std::move(written).error());
    pending_begin += n;
    if (pending_begin == pending.size()) {
      pending.clear();
      pending_begin = 0;
    } else if (pending_begin > pending.size() / 2) {
      pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(pending_begin));
      pending_begin = 0;
    }
    ++counters.flushes;
  }
  Status pushed = PushDown();
  if (!pushed.ok()) return Fail(std::move(pushed).error());
  if (layers.front()->out().empty()) {
    if (finishing) Fail(Error(Errc::kCancelled, "The connection was closed here."));
    return;
  }
  writing.clear();
  writing.swap(layers.front()->out());
  write_active = true;
  asio::async_write(socket, asio::buffer(writing),
                    [self = Self()](boost::system::error_code ec, std::size_t) { self->impl_->OnWritten(ec); });
}

void TlsPipe::Impl::OnWritten(boost::system::error_code ec) {
  write_active = false;
  writing.clear();
  if (!open) return;
  if (ec) {
    // The peer may have said why before it left; the read under way finds that out, or fails as well.
    write_broken = true;
    if (!reading) Fail(Error(Errc::kUnavailable, "The connection was lost.").WithDetail(ec.message()));
    return;
  }
  ResumeIfPaused();
  // What came meanwhile is all that there was, or the first of more.
  const std::size_t waiting = pending.size() - pending_begin;
  if (waiting == 0 || waiting >= kRecordBytes) return Flush();
  FlushSoon();
}

// ---- ending

void TlsPipe::Impl::EndHandshake(Status status) {
  if (!handshaking) return;
  handshaking = false;
  timer.cancel();
  handshake.Set(std::move(status));
}

void TlsPipe::Impl::Disconnect(bool say_goodbye) {
  open = false;
  timer.cancel();
  if (say_goodbye)
    for (std::size_t i = std::min(established + 1, layers.size()); i > 0; --i) layers[i - 1]->Shutdown();
  boost::system::error_code ec;
  // A failed handshake has put the alert out that tells the peer why.
  const bool pushed = established == 0 || PushDown().ok();
  Bytes& last = layers.front()->out();
  if (pushed && !write_active && !write_broken && !last.empty()) socket.write_some(asio::buffer(last), ec);
  socket.shutdown(asio::socket_base::shutdown_send, ec);
  if (side == TlsLayer::Side::kServer && !ec) return Linger();
  socket.close(ec);
}

/// Closing with input unread resets a TCP connection, and the reset can overtake the alert. So a server reads on for a
/// moment until the client has closed too.
void TlsPipe::Impl::Linger() {
  timer.expires_after(kLinger);
  timer.async_wait([self = Self()](boost::system::error_code) {
    boost::system::error_code ignored;
    self->impl_->socket.close(ignored);
  });
  struct Discard {
    std::shared_ptr<TlsPipe> self;
    void operator()(boost::system::error_code ec, std::size_t) {
      Impl& impl = *self->impl_;
      if (ec) {
        impl.timer.cancel();
        return;
      }
      impl.socket.async_read_some(asio::buffer(impl.raw), Discard{self});
    }
  };
  boost::system::error_code ec;
  socket.cancel(ec);  // of a read or write under way
  socket.async_read_some(asio::buffer(raw), Discard{Self()});
}

void TlsPipe::Impl::Fail(Error why) {
  if (!open) return;
  Disconnect(why.code() == Errc::kCancelled);
  if (handshaking) return EndHandshake(std::move(why));
  if (PipeEvents* told = std::exchange(events, nullptr)) told->OnClosed(why);
}

// ---- TlsPipe

TlsPipe::TlsPipe(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) { impl_->owner = this; }
TlsPipe::~TlsPipe() = default;

namespace {
std::shared_ptr<TlsPipe> Make(StreamSocket socket, std::vector<TlsContext> layers, TlsLayer::Side side,
                              PipeOptions options) {
  boost::system::error_code ec;
  socket.non_blocking(true, ec);  // so that a last word never waits
  return std::make_shared<TlsPipe>(
      std::make_unique<TlsPipe::Impl>(std::move(socket), std::move(layers), side, options));
}
}  // namespace

std::shared_ptr<TlsPipe> TlsPipe::Client(StreamSocket socket, std::vector<TlsContext> layers, PipeOptions options) {
  return Make(std::move(socket), std::move(layers), TlsLayer::Side::kClient, options);
}
std::shared_ptr<TlsPipe> TlsPipe::Server(StreamSocket socket, std::vector<TlsContext> layers, PipeOptions options) {
  return Make(std::move(socket), std::move(layers), TlsLayer::Side::kServer, options);
}

Task<Status> TlsPipe::Handshake(std::chrono::steady_clock::time_point deadline) {
  auto self = shared_from_this();
  Impl& impl = *impl_;
  if (!impl.open || impl.established > 0 || impl.handshaking)
    co_return Error(Errc::kUnavailable, "The connection is closed.");
  impl.handshaking = true;
  impl.timer.expires_at(deadline);
  impl.timer.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
    auto pipe = weak.lock();
    if (ec || !pipe || !pipe->impl_->handshaking) return;
    pipe->impl_->Fail(Error(Errc::kTimeout, "The TLS handshake took too long."));
  });
  impl.Drive();
  Status status = co_await impl.handshake.Wait();
  co_return status;
}

void TlsPipe::Start(PipeEvents& events) {
  impl_->events = &events;
  if (!impl_->open) return;
  // Frames may have come with the last flight of the handshake.
  impl_->stalled = true;
  impl_->ResumeIfPaused();
}

Status TlsPipe::Send(const wire::Frame& frame) {
  return impl_->Queue(frame, [&] { return wire::FrameCodec::Encode(frame, impl_->pending); });
}
Status TlsPipe::Send(const wire::Frame& frame, const google::protobuf::MessageLite& message) {
  return impl_->Queue(frame, [&] { return wire::FrameCodec::Encode(frame, message, impl_->pending); });
}

void TlsPipe::Finish() {
  if (!impl_->open) return;
  impl_->finishing = true;
  impl_->FlushSoon();
}

void TlsPipe::Close() {
  if (!impl_->open) return;
  impl_->events = nullptr;
  impl_->Disconnect(true);
  impl_->EndHandshake(Error(Errc::kCancelled, "The connection was closed here."));
}

bool TlsPipe::open() const noexcept { return impl_->open && !impl_->finishing; }
const std::optional<crypto::Certificate>& TlsPipe::peer_certificate() const noexcept { return impl_->peer; }
std::size_t TlsPipe::outgoing_bytes() const noexcept {
  return impl_->pending.size() - impl_->pending_begin + impl_->writing.size();
}
const PipeCounters& TlsPipe::counters() const noexcept { return impl_->counters; }
LoopExecutor TlsPipe::get_executor() { return impl_->socket.get_executor(); }

}  // namespace strongroom::channel
