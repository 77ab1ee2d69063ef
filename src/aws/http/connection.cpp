#include "aws/http/connection.h"

#include <charconv>
#include <ctime>

#include "base/log.h"

namespace strongroom::aws {
namespace {

/// Room before a reply's body, where its header is put once the body's length is known: so both go out in one write.
constexpr std::size_t kHeadRoom = 640;
/// What an idle connection keeps of its buffers.
constexpr std::size_t kKeepBytes = 16 * 1024;
/// One TLS record and its framing.
constexpr std::size_t kReceiveBytes = 17 * 1024;
constexpr std::chrono::milliseconds kDrainTime{2'000};
constexpr std::size_t kMostDrained = 2 * 1024 * 1024;

std::string_view ReasonPhrase(unsigned status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 408: return "Request Timeout";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 417: return "Expectation Failed";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Status";
  }
}
}  // namespace

Connection::Connection(UniqueFd socket, const std::shared_ptr<SocketWatch>& watch, std::string remote,
                       std::shared_ptr<ServerShared> server, std::shared_ptr<LoopConnections> loop)
    : socket_(std::move(socket), watch),
      tls_(server->tls.native_handle(), channel::TlsLayer::Side::kServer, "client"),
      received_(kReceiveBytes),
      remote_(std::move(remote)),
      server_(std::move(server)),
      loop_(std::move(loop)) {
  Enter(Phase::kHandshake, server_->limits.handshake);
  loop_->all.insert(this);
}

Connection::~Connection() {
  loop_->all.erase(this);
  loop_->open.fetch_sub(1, std::memory_order_relaxed);
  server_->open.fetch_sub(1, std::memory_order_acq_rel);
}

void Connection::Enter(Phase phase, std::chrono::milliseconds allowed) {
  phase_ = phase;
  deadline_ = loop_->now + allowed;
}

void Connection::CloseIfExpired(Coarse now) {
  if (phase_ == Phase::kHandling || now < deadline_) return;
  if (phase_ != Phase::kIdle && phase_ != Phase::kClosing) server_->expired.fetch_add(1, std::memory_order_relaxed);
  CloseNow();
}

void Connection::CloseWhenIdle() {
  if (phase_ == Phase::kIdle || phase_ == Phase::kHandshake) CloseNow();
}

void Connection::CloseNow() { socket_.Close(); }

Task<void> Connection::Run(std::shared_ptr<Connection> self) {
  try {
    if (!co_await self->Handshake()) {
      self->server_->handshake_failures.fetch_add(1, std::memory_order_relaxed);
      co_return;
    }
    co_await self->Serve();
  } catch (const std::exception& failure) {
    log::Error("connection from {}: {}", self->remote_, failure.what());
  }
}

Task<bool> Connection::Handshake() {
  for (;;) {
    const auto done = tls_.Handshake();
    // Also on failure: the alert says why.
    if (!SendCiphertext() && !co_await SendRest()) co_return false;
    if (!done.ok()) co_return false;
    if (*done) co_return true;
    auto count = socket_.Receive(received_);
    while (count && *count == 0) {
      co_await socket_.Readable();
      count = socket_.Receive(received_);
    }
    if (!count) co_return false;
    tls_.Feed(ByteView(received_).first(*count));
  }
}

Connection::Got Connection::TakePlaintext() {
  if (!tls_.MayHaveMore()) return Got::kNothing;
  const char* before = in_.data();
  char* to = in_.Prepare(2048);
  if (in_.data() != before && reader_) reader_->Rebase(before, in_.data());
  const auto count = tls_.Read({reinterpret_cast<std::uint8_t*>(to), in_.capacity() - in_.size()});
  if (!count.ok()) return Got::kEnd;
  in_.Commit(*count);
  return *count == 0 ? Got::kNothing : Got::kSome;
}

RequestReader::State Connection::Advance() {
  using State = RequestReader::State;
  if (!reader_) {
    reader_.emplace(server_->limits, headers_);
    Enter(Phase::kReceiving, server_->limits.header);
  }
  if (!header_done_) {
    const State state = reader_->ReadHeader(in_.view());
    if (state != State::kHeaderDone) return state;
    header_done_ = true;
  }
  return reader_->ReadBody(in_.view(), unchunked_);
}

void Connection::BeginResponse() {
  out_.Clear(kKeepBytes);
  out_.Prepare(kHeadRoom);
  out_.Commit(kHeadRoom);
}

Task<void> Connection::Serve() {
  using State = RequestReader::State;
  const HttpLimits& limits = server_->limits;
  Next next = Next::kGoOn;
  while (next == Next::kGoOn) {
    unchunked_.Clear(kKeepBytes);
    reader_.reset();
    header_done_ = false;
    bool in_body = false;
    State state = State::kNeedMore;
    if (in_.empty()) {
      if (server_->stopping.load(std::memory_order_relaxed)) break;
      in_.Clear(kKeepBytes);
      Enter(Phase::kIdle, limits.idle);
    } else {
      state = Advance();
    }
    Got got = Got::kSome;
    while (state == State::kNeedMore) {
      if (header_done_ && !std::exchange(in_body, true)) {
        Enter(Phase::kReceiving, limits.body);
        if (reader_->expects_continue() && !co_await SendContinue()) got = Got::kEnd;
      }
      while (got != Got::kEnd && (got = TakePlaintext()) == Got::kNothing) {
        // Answers of TLS's own, such as to a key update.
        if (!tls_.out().empty() && !SendCiphertext() && !co_await SendRest()) {
          got = Got::kEnd;
          break;
        }
        auto count = socket_.Receive(received_);
        while (count && *count == 0) {
          co_await socket_.Readable();
          count = socket_.Receive(received_);
        }
        if (!count) got = Got::kEnd;
        tls_.Feed(ByteView(received_).first(count.value_or(0)));
      }
      if (got == Got::kEnd) break;
      // Grown step by step, so that announcing a large body costs nothing before it comes.
      state = Advance();
    }
    if (got == Got::kEnd) break;
    BeginResponse();
    HttpResponse response{.body = out_};
    bool keep = false, head_only = false;
    if (state == State::kBad) {
      server_->bad_requests.fetch_add(1, std::memory_order_relaxed);
      response.status = reader_->refusal().status;
      const HttpRequest refused{.headers = headers_};
      server_->handler->Refuse(reader_->refusal().reason, refused.Get("Content-Type"), response);
    } else {
      phase_ = Phase::kHandling;
      loop_->requests.fetch_add(1, std::memory_order_relaxed);
      const HttpRequest request{.method = reader_->method(),
                                .target = reader_->target(),
                                .headers = headers_,
                                .body = reader_->body(in_.view(), unchunked_),
                                .remote_address = remote_,
                                .tls_version = tls_.version(),
                                .tls_cipher = tls_.cipher()};
      // Requests that came together are received one after another, then handled, then answered: each step finds its
      // code in the processor's caches, and the client is woken once for many answers. It also gives others their turn
      // when one client sends many requests at once.
      co_await loop_->turns.Next(loop_->executor);
      co_await server_->handler->Handle(request, response);
      keep = reader_->keep_alive() && !response.close && !server_->stopping.load(std::memory_order_relaxed);
      head_only = request.method == "HEAD";
      in_.Consume(reader_->total_bytes());
    }
    co_await loop_->turns.Next(loop_->executor);
    std::string_view all = PutHead(response, keep);
    // With the length that GET's would have (RFC 9110, 9.3.2); a client would read a body as the next answer.
    if (head_only) all.remove_suffix(out_.size() - kHeadRoom);
    Enter(Phase::kSending, limits.write);
    const bool sent = Send(all) || co_await SendRest();
    out_.Clear(kKeepBytes);
    next = !sent ? Next::kClose : keep ? Next::kGoOn : state == State::kBad ? Next::kDrain : Next::kClose;
  }
  if (next == Next::kDrain) in_.Clear(0);
  co_await CloseGracefully();
}

bool Connection::Send(std::string_view bytes) {
  if (!tls_.Write(AsBytes(bytes)).ok()) {
    broken_ = true;
    return false;
  }
  return SendCiphertext();
}

bool Connection::SendCiphertext() {
  Bytes& out = tls_.out();
  while (sent_ < out.size() && !broken_) {
    const auto count = socket_.Send(ByteView(out).subspan(sent_));
    if (!count) {
      broken_ = true;
    } else if (*count == 0) {
      return false;
    } else {
      sent_ += *count;
    }
  }
  sent_ = 0;
  out.clear();
  if (out.capacity() > 2 * kKeepBytes) Bytes().swap(out);
  return !broken_;
}

Task<bool> Connection::SendRest() {
  while (!broken_) {
    co_await socket_.Writable();
    if (!socket_.is_open()) co_return false;
    if (SendCiphertext()) co_return true;
  }
  co_return false;
}

Task<bool> Connection::SendContinue() {
  if (Send("HTTP/1.1 100 Continue\r\n\r\n")) co_return true;
  co_return co_await SendRest();
}

std::string_view Connection::PutHead(const HttpResponse& response, bool keep_alive) {
  const std::time_t now = std::time(nullptr);
  if (now != loop_->date_second || loop_->date.empty()) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[64];
    loop_->date.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts));
    loop_->date_second = now;
  }
  char head[kHeadRoom];
  std::size_t used = 0;
  const auto put = [&](std::string_view text) {
    const std::size_t count = std::min(text.size(), kHeadRoom - used);
    std::memcpy(head + used, text.data(), count);
    used += count;
  };
  const auto number = [&](std::size_t value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value);
    put({digits, static_cast<std::size_t>(end.ptr - digits)});
  };
  put("HTTP/1.1 ");
  number(response.status);
  put(" ");
  put(ReasonPhrase(response.status));
  put("\r\nDate: ");
  put(loop_->date);
  if (!response.request_id.empty()) {
    put("\r\nx-amzn-RequestId: ");
    put(std::string_view(response.request_id).substr(0, 64));
  }
  if (!response.content_type.empty()) {
    put("\r\nContent-Type: ");
    put(response.content_type.substr(0, 96));
  }
  put("\r\nContent-Length: ");
  number(out_.size() - kHeadRoom);
  put("\r\nCache-Control: no-cache, no-store, must-revalidate, private\r\nExpires: 0\r\nPragma: no-cache");
  if (!keep_alive) {
    put("\r\nConnection: close");
  } else if (reader_->version() == 10) {
    put("\r\nConnection: keep-alive");
  }
  put("\r\n\r\n");
  char* start = out_.data() + kHeadRoom - used;
  std::memcpy(start, head, used);  // cppcheck-suppress uninitvar
  return {start, used + out_.size() - kHeadRoom};
}

/// Closing with unread bytes in the socket would reset the connection and lose the answer on its way (RFC 9112, 9.6).
Task<void> Connection::CloseGracefully() {
  Enter(Phase::kClosing, kDrainTime);
  if (!socket_.is_open()) co_return;
  tls_.Shutdown();
  if (SendCiphertext() || co_await SendRest()) {
    socket_.EndSending();
    for (std::size_t drained = 0; drained < kMostDrained;) {
      const auto count = socket_.Receive(received_);
      if (!count) break;
      drained += *count;
      if (*count == 0) co_await socket_.Readable();
    }
  }
  CloseNow();
}

}  // namespace strongroom::aws
