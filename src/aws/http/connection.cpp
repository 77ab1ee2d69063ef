#include "aws/http/connection.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <ctime>

#include "base/log.h"

namespace strongroom::aws {
namespace {
namespace asio = boost::asio;
constexpr asio::as_tuple_t<asio::use_awaitable_t<LoopExecutor>> kTuple{};

/// Room before a reply's body, where its header is put once the body's length is known: so both go out in one write.
constexpr std::size_t kHeadRoom = 640;
/// What an idle connection keeps of its buffers.
constexpr std::size_t kKeepBytes = 16 * 1024;
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

Connection::Connection(Socket socket, std::string remote, std::shared_ptr<ServerShared> server,
                       std::shared_ptr<LoopConnections> loop)
    : stream_(std::move(socket), server->tls),
      remote_(std::move(remote)),
      server_(std::move(server)),
      loop_(std::move(loop)) {
  // Asio asks OpenSSL to free both record buffers whenever they are empty, which at each request costs two allocations
  // of 16 KiB; an open connection keeps them instead.
  SSL_clear_mode(stream_.native_handle(), SSL_MODE_RELEASE_BUFFERS);
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

void Connection::CloseNow() {
  boost::system::error_code ignored;
  stream_.next_layer().close(ignored);
}

Task<void> Connection::Run(std::shared_ptr<Connection> self) {
  try {
    boost::system::error_code ignored;
    self->stream_.next_layer().set_option(asio::ip::tcp::no_delay(true), ignored);
    auto [ec] = co_await self->stream_.async_handshake(asio::ssl::stream_base::server, kTuple);
    if (ec) {
      self->server_->handshake_failures.fetch_add(1, std::memory_order_relaxed);
      co_return;
    }
    co_await self->Serve();
  } catch (const std::exception& failure) {
    spdlog::error("connection from {}: {}", self->remote_, failure.what());
  }
}

Task<void> Connection::Serve() {
  for (;;) {
    const Next next = co_await ServeOne();
    if (next != Next::kGoOn) {
      co_await CloseGracefully(next == Next::kDrain);
      co_return;
    }
  }
}

Task<bool> Connection::ReadMore(std::size_t at_least) {
  const char* before = in_.data();
  const std::size_t room = std::max<std::size_t>(at_least, 2048);
  char* to = in_.Prepare(room);
  if (in_.data() != before && reader_) reader_->Rebase(before, in_.data());
  auto [ec, count] = co_await stream_.async_read_some(asio::buffer(to, in_.capacity() - in_.size()), kTuple);
  if (ec) co_return false;
  in_.Commit(count);
  co_return true;
}

Task<Connection::Next> Connection::ServeOne() {
  const HttpLimits& limits = server_->limits;
  unchunked_.Clear(kKeepBytes);
  reader_.reset();
  if (in_.empty()) {
    if (server_->stopping.load(std::memory_order_relaxed)) co_return Next::kClose;
    in_.Clear(kKeepBytes);
    Enter(Phase::kIdle, limits.idle);
    if (!co_await ReadMore(1)) co_return Next::kClose;
  }
  reader_.emplace(limits, headers_);
  Enter(Phase::kReceiving, limits.header);
  RequestReader::State state = reader_->ReadHeader(in_.view());
  while (state == RequestReader::State::kNeedMore) {
    if (!co_await ReadMore(1)) co_return Next::kClose;
    state = reader_->ReadHeader(in_.view());
  }
  if (state == RequestReader::State::kHeaderDone) {
    state = reader_->ReadBody(in_.view(), unchunked_);
    if (state == RequestReader::State::kNeedMore) {
      Enter(Phase::kReceiving, limits.body);
      if (reader_->expects_continue() && !co_await Send("HTTP/1.1 100 Continue\r\n\r\n")) co_return Next::kClose;
      // Grown step by step, so that announcing a large body costs nothing before it comes.
      while (state == RequestReader::State::kNeedMore) {
        if (!co_await ReadMore(1)) co_return Next::kClose;
        state = reader_->ReadBody(in_.view(), unchunked_);
      }
    }
  }
  out_.Clear(kKeepBytes);
  out_.Prepare(kHeadRoom);
  out_.Commit(kHeadRoom);
  HttpResponse response{.body = out_};
  if (state == RequestReader::State::kBad) {
    server_->bad_requests.fetch_add(1, std::memory_order_relaxed);
    response.status = reader_->refusal().status;
    server_->handler->Refuse(reader_->refusal().reason, response);
    co_return co_await Respond(response, false, true);
  }
  phase_ = Phase::kHandling;
  loop_->requests.fetch_add(1, std::memory_order_relaxed);
  const HttpRequest request{.method = reader_->method(),
                            .target = reader_->target(),
                            .headers = headers_,
                            .body = reader_->body(in_.view(), unchunked_),
                            .remote_address = remote_};
  co_await server_->handler->Handle(request, response);
  const bool keep = reader_->keep_alive() && !response.close && !server_->stopping.load(std::memory_order_relaxed);
  in_.Consume(reader_->total_bytes());
  co_return co_await Respond(response, keep, false);
}

Task<bool> Connection::Send(std::string_view bytes) {
  auto [ec, count] = co_await asio::async_write(stream_, asio::buffer(bytes.data(), bytes.size()), kTuple);
  co_return !ec && count == bytes.size();
}

Task<Connection::Next> Connection::Respond(HttpResponse& response, bool keep_alive, bool drain) {
  const std::string_view all = PutHead(response, keep_alive);
  Enter(Phase::kSending, server_->limits.write);
  const bool sent = co_await Send(all);
  out_.Clear(kKeepBytes);
  if (!sent) co_return Next::kClose;
  co_return keep_alive ? Next::kGoOn : drain ? Next::kDrain : Next::kClose;
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

Task<void> Connection::CloseGracefully(bool drain) {
  Enter(Phase::kClosing, kDrainTime);
  if (!stream_.next_layer().is_open()) co_return;
  boost::system::error_code ignored;
  if (drain) {
    // Closing with unread bytes in the socket would reset the connection and lose the answer on its way (RFC
    // 9112, 9.6).
    std::size_t drained = 0;
    in_.Clear(0);
    SSL_shutdown(stream_.native_handle());
    stream_.next_layer().shutdown(Socket::shutdown_send, ignored);
    char* to = in_.Prepare(kKeepBytes);
    while (drained < kMostDrained) {
      auto [ec, count] = co_await stream_.next_layer().async_read_some(asio::buffer(to, kKeepBytes), kTuple);
      if (ec) break;
      drained += count;
    }
  } else {
    auto [ec] = co_await stream_.async_shutdown(kTuple);
    static_cast<void>(ec);  // a client that does not answer our close_notify has gone already
  }
  CloseNow();
}

}  // namespace strongroom::aws
