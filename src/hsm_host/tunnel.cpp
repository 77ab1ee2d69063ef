#include "hsm_host/tunnel.h"

#include <errno.h>
#include <sched.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <optional>

#include "base/log.h"
#include "channel/tls_layer.h"

namespace strongroom::hsm_host {
namespace net = boost::asio;
namespace {

constexpr std::size_t kCipherBytes = 64 * 1024;
// All that one read of ciphertext can open to, and a record that was incomplete before.
constexpr std::size_t kPlainBytes = kCipherBytes + 32 * 1024;
constexpr std::size_t kKeepBytes = 64 * 1024;          // larger output buffers are given back
constexpr std::size_t kMaxUnsentAnswers = 256 * 1024;  // TLS's own answers to a client that does not read
constexpr net::as_tuple_t<net::deferred_t> kToken{};   // no coroutine frame for each wait
constexpr auto kNever = std::chrono::steady_clock::time_point::max();

enum class Sent { kAll, kClosed };

/// Where all share a processor, a tunnel that interrupted whoever sends to it would carry commands one by one that are
/// there together a moment later. A thread of this kind never interrupts another when it wakes up.
void LetSendersFinish() noexcept {
  const sched_param none{};
  ::sched_setscheduler(0, SCHED_BATCH, &none);  // of this thread; without it only more work
}

}  // namespace

class Tunnel : public std::enable_shared_from_this<Tunnel> {
 public:
  Tunnel(TunnelLoop& worker, control::TcpSocket client, TunnelOptions options)
      : worker_(worker),
        client_(std::move(client)),
        hsm_(worker.loop()),
        tls_(options.tls, channel::TlsLayer::Side::kServer, "client"),
        options_(std::move(options)),
        deadline_(std::chrono::steady_clock::now() + kHandshakeDeadline) {
    worker_.tunnels_.insert(this);
  }
  ~Tunnel() {
    worker_.tunnels_.erase(this);
    --(established_ ? options_.counts->established : options_.counts->handshaking);
  }

  Task<void> Run() {
    if (!co_await Accept()) co_return Close();
    net::co_spawn(
        worker_.loop().get_executor(), [self = shared_from_this()] { return self->FromHsm(); },
        [self = shared_from_this()](std::exception_ptr thrown) {
          if (thrown) self->Close();
        });
    co_await FromClient();
  }

  void CloseIfLate(std::chrono::steady_clock::time_point now) {
    if (now < deadline_) return;
    log::Debug("{}: out of time.", options_.name);
    Close();
  }

  void Close() {
    boost::system::error_code ignored;
    if (client_.is_open()) client_.close(ignored);
    if (hsm_.is_open()) hsm_.close(ignored);
  }

 private:
  // The handshake, then a place among the accepted, then the HSM.
  Task<bool> Accept() {
    boost::system::error_code failed;
    client_.non_blocking(true, failed);
    client_.set_option(net::ip::tcp::no_delay(true), failed);
    // Its own buffer: what the client sends right behind its handshake waits there for the HSM.
    early_.resize(4 * 1024);
    for (;;) {
      const auto done = tls_.Handshake();
      // Also on failure: the alert says why.
      if (!co_await FlushToClient()) co_return false;
      if (!done.ok()) {
        log::Info("{}: {}", options_.name, done.error().ForLog());
        // The client shall read the alert before it sees the connection reset over bytes that nobody read.
        client_.shutdown(net::socket_base::shutdown_send, failed);
        co_await Drain();
        co_return false;
      }
      if (*done) break;
      const std::size_t got = co_await Receive(client_, early_);
      if (got == 0) co_return false;
      tls_.Feed(ByteView(early_).first(got));
    }
    if (++options_.counts->established > kMaxTunnels) {
      --options_.counts->established;
      log::Warn("{}: the HSM has {} connections, which is the most.", options_.name, kMaxTunnels);
      co_return false;
    }
    --options_.counts->handshaking;
    established_ = true;
    deadline_ = kNever;
    auto [refused] = co_await hsm_.async_connect(net::local::stream_protocol::endpoint(options_.hsm_socket), kToken);
    if (refused) {
      log::Warn("{}: the HSM does not answer: {}", options_.name, refused.message());
      co_return false;
    }
    hsm_.non_blocking(true, failed);
    co_return !failed;
  }

  Task<void> FromClient() {
    const bool orderly = co_await CarryFromClient();
    boost::system::error_code ignored;
    if (!orderly) co_return Close();
    if (hsm_.is_open()) hsm_.shutdown(net::socket_base::shutdown_send, ignored);
    OneSideEnded();
  }

  // True when the client ended its sending; false when the tunnel is to be closed.
  Task<bool> CarryFromClient() {
    for (;;) {
      std::size_t have = 0;
      bool ended = false;
      while (have < worker_.plain_.size()) {
        const auto read = tls_.Read(std::span(worker_.plain_).subspan(have));
        if (!read.ok() && read.error().code() != Errc::kUnavailable) co_return false;
        ended = !read.ok();
        if (ended || *read == 0) break;
        have += *read;
      }
      if (have == worker_.plain_.size()) co_return false;  // more than was sent: no TLS we know
      if (!early_.empty()) Bytes().swap(early_);
      if (have > 0 && co_await SendToHsm(ByteView(worker_.plain_).first(have)) == Sent::kClosed) co_return false;
      if (ended) co_return true;
      // Key updates are answered; who asks for them without end and reads no answer is not a client.
      if (!tls_.out().empty() && !co_await FlushToClient()) co_return false;
      if (tls_.out().size() > kMaxUnsentAnswers + kCipherBytes * 2) co_return false;
      const std::size_t got = co_await Receive(client_, worker_.cipher_);
      if (got == 0) co_return client_.is_open();
      tls_.Feed(ByteView(worker_.cipher_).first(got));
    }
  }

  Task<void> FromHsm() {
    for (;;) {
      const std::size_t got = co_await Receive(hsm_, worker_.from_hsm_);
      if (got == 0) break;
      if (!tls_.Write(ByteView(worker_.from_hsm_).first(got)).ok()) co_return Close();
      if (!co_await FlushToClient(true)) co_return Close();
    }
    if (!client_.is_open()) co_return;
    tls_.Shutdown();
    if (!co_await FlushToClient(true)) co_return Close();
    boost::system::error_code ignored;
    client_.shutdown(net::socket_base::shutdown_send, ignored);
    OneSideEnded();
  }

  void OneSideEnded() {
    if (std::exchange(half_closed_, true)) return Close();
    deadline_ = std::chrono::steady_clock::now() + kHalfClosedDeadline;
  }

  // Bytes that are there, at least one; 0 at the end or on an error.
  template <typename Socket>
  Task<std::size_t> Receive(Socket& socket, std::span<std::uint8_t> room) {
    for (;;) {
      auto [failed] = co_await socket.async_wait(net::socket_base::wait_read, kToken);
      if (failed || !socket.is_open()) co_return 0;
      const ssize_t got = ::recv(socket.native_handle(), room.data(), room.size(), MSG_DONTWAIT);
      if (got > 0) co_return static_cast<std::size_t>(got);
      if (got == 0 || (errno != EAGAIN && errno != EINTR)) co_return 0;
    }
  }

  // At once as far as the socket takes it; the rest is copied, since `bytes` are the loop's.
  Task<Sent> SendToHsm(ByteView bytes) {
    bytes = bytes.subspan(TrySend(hsm_, bytes));
    if (bytes.empty()) co_return Sent::kAll;
    const Bytes rest = ToBytes(bytes);
    std::size_t sent = 0;
    while (sent < rest.size()) {
      auto [failed] = co_await hsm_.async_wait(net::socket_base::wait_write, kToken);
      if (failed || !hsm_.is_open()) co_return Sent::kClosed;
      sent += TrySend(hsm_, ByteView(rest).subspan(sent));
      if (send_failed_) co_return Sent::kClosed;
    }
    co_return Sent::kAll;
  }

  // Sends all of the TLS output. Whoever comes while that is under way leaves it to the one who began; the HSM's bytes
  // also wait until it is done, so that they do not pile up.
  Task<bool> FlushToClient(bool wait_for_other = false) {
    Bytes& out = tls_.out();
    while (flushing_ && wait_for_other) {
      auto [failed] = co_await client_.async_wait(net::socket_base::wait_write, kToken);
      if (failed || !client_.is_open()) co_return false;
    }
    if (flushing_ || out.empty()) co_return client_.is_open();
    flushing_ = true;
    std::size_t sent = 0;
    while (client_.is_open()) {
      sent += TrySend(client_, ByteView(out).subspan(sent));
      if (send_failed_ || sent == out.size()) break;
      auto [failed] = co_await client_.async_wait(net::socket_base::wait_write, kToken);
      if (failed) break;
    }
    flushing_ = false;
    const bool all = sent == out.size() && client_.is_open();
    out.clear();
    if (out.capacity() > kKeepBytes) Bytes().swap(out);
    co_return all;
  }

  // Reads what a refused client still sends, until it has gone or the deadline comes.
  Task<void> Drain() {
    std::size_t total = 0;
    while (total < kPlainBytes) {
      const std::size_t got = co_await Receive(client_, early_);
      if (got == 0) co_return;
      total += got;
    }
  }

  template <typename Socket>
  std::size_t TrySend(Socket& socket, ByteView bytes) {
    if (bytes.empty()) return 0;
    const ssize_t sent = ::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    send_failed_ = errno != EAGAIN && errno != EINTR;
    return 0;
  }

  TunnelLoop& worker_;
  control::TcpSocket client_;
  control::LocalSocket hsm_;
  channel::TlsLayer tls_;
  TunnelOptions options_;
  std::chrono::steady_clock::time_point deadline_;
  Bytes early_;
  bool established_ = false, flushing_ = false, half_closed_ = false, send_failed_ = false;
};

TunnelLoop::TunnelLoop()
    : cipher_(kCipherBytes), plain_(kPlainBytes), from_hsm_(kCipherBytes), work_(loop_.get_executor()), timer_(loop_) {}

TunnelLoop::~TunnelLoop() {
  loop_.stop();
  if (thread_.joinable()) thread_.join();
}

void TunnelLoop::StartThread() {
  Sweep();
  thread_ = std::thread([this] {
    LetSendersFinish();
    loop_.run();
  });
}

void TunnelLoop::Sweep() {
  const auto now = std::chrono::steady_clock::now();
  for (Tunnel* tunnel : tunnels_) tunnel->CloseIfLate(now);
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) Sweep();
  });
}

void StartTunnel(TunnelLoop& worker, control::TcpSocket client, TunnelOptions options) {
  const auto counts = options.counts;
  std::shared_ptr<Tunnel> tunnel;
  try {
    tunnel = std::make_shared<Tunnel>(worker, std::move(client), std::move(options));
  } catch (const std::bad_alloc&) {
    --counts->handshaking;
    return;
  }
  net::co_spawn(
      worker.loop().get_executor(), [tunnel] { return tunnel->Run(); },
      [tunnel](std::exception_ptr thrown) {
        if (thrown) tunnel->Close();
      });
}

}  // namespace strongroom::hsm_host
