#include "xks_client/https_pool.h"

#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <mutex>
#include <unordered_map>

#include "xks_protocol/limits.h"

namespace strongroom::xks {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;
using Clock = std::chrono::steady_clock;
using TcpStream = beast::basic_stream<tcp, LoopExecutor, beast::unlimited_rate_policy>;
using TlsStream = asio::ssl::stream<TcpStream>;

constexpr asio::as_tuple_t<asio::use_awaitable_t<LoopExecutor>> kTuple{};
constexpr std::size_t kMostIdlePerLoop = 8, kMostHeaderBytes = 16 * 1024, kMostAddresses = 16, kMostAttempts = 3;
constexpr std::chrono::seconds kMostIdle{30}, kAddressLife{10};

struct Connection {
  Connection(LoopExecutor loop, asio::ssl::context& tls) : stream(TcpStream(loop), tls) {}
  TlsStream stream;
  beast::flat_buffer buffer{kMostBodyBytes + kMostHeaderBytes};
  Clock::time_point idle_since;

  TcpStream& lowest() { return stream.next_layer(); }
  /// Whether the peer has closed it while it lay idle, as far as can be seen without waiting.
  bool Closed() {
    char byte = 0;
    const auto count = ::recv(lowest().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
  }
};

/// What came of using one connection.
struct Exchanged {
  HttpAnswer answer{};
  std::optional<Failed> failed{};
  bool keep = false;
  bool broken = false;  // the connection ended before an answer was complete
};

bool IsTlsError(const ErrorCode& ec) {
  return ec.category() == asio::error::get_ssl_category() || ec.category() == asio::ssl::error::get_stream_category();
}
bool IsBroken(const ErrorCode& ec) {
  return ec == asio::error::eof || ec == asio::error::connection_reset || ec == asio::error::broken_pipe ||
         ec == asio::ssl::error::stream_truncated || ec == http::error::end_of_stream ||
         ec == http::error::partial_message || ec == asio::error::connection_aborted;
}

Failed Explained(const ErrorCode& ec, std::string_view doing) {
  std::string detail = fmt::format("{}: {}", doing, ec.message());
  if (ec == beast::error::timeout) return {Failure::kTimedOut, std::move(detail)};
  if (ec == http::error::partial_message) return {Failure::kInvalidResponse, std::move(detail)};
  if (IsBroken(ec)) return {Failure::kNotReachable, std::move(detail)};
  if (IsTlsError(ec)) return {Failure::kTls, std::move(detail)};
  if (ec.category() == http::make_error_code(http::error::bad_version).category() ||
      ec == beast::http::error::body_limit || ec == http::error::buffer_overflow)
    return {Failure::kInvalidResponse, std::move(detail)};
  return {Failure::kNotReachable, std::move(detail)};
}

Task<Exchanged> Exchange(Connection& connection, const std::string& request, std::chrono::milliseconds allowed) {
  Exchanged done;
  connection.lowest().expires_after(allowed);
  const auto [unsent, sent] = co_await asio::async_write(connection.stream, asio::buffer(request), kTuple);
  if (unsent) {
    done.broken = IsBroken(unsent);
    done.failed = Explained(unsent, "sending");
    co_return done;
  }
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMostBodyBytes);
  parser.header_limit(kMostHeaderBytes);
  const auto [unread, got] = co_await http::async_read(connection.stream, connection.buffer, parser, kTuple);
  if (unread) {
    done.broken = IsBroken(unread);
    done.failed = Explained(unread, "receiving");
    co_return done;
  }
  connection.lowest().expires_never();
  done.keep = parser.keep_alive() && connection.buffer.size() == 0;
  done.answer.status = parser.get().result_int();
  done.answer.body = std::move(parser.get().body());
  co_return done;
}

/// DNS in a thread of asio's; waiting for it can be given up.
struct Lookup {
  explicit Lookup(LoopExecutor loop) : resolver(loop), waiting(loop) {}
  asio::ip::basic_resolver<tcp, LoopExecutor> resolver;
  asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, LoopExecutor> waiting;
  bool done = false;
  ErrorCode failed;
  std::vector<asio::ip::address> addresses;
};

Task<Outcome<std::vector<asio::ip::address>>> Resolve(std::string host, std::chrono::milliseconds allowed) {
  const LoopExecutor loop = co_await asio::this_coro::executor;
  const auto lookup = std::make_shared<Lookup>(loop);
  lookup->waiting.expires_after(allowed);
  lookup->resolver.async_resolve(host, "443", [lookup](const ErrorCode& ec, const auto& found) {
    lookup->done = true;
    lookup->failed = ec;
    for (const auto& entry : found)
      if (lookup->addresses.size() < kMostAddresses) lookup->addresses.push_back(entry.endpoint().address());
    lookup->waiting.cancel();
  });
  if (!lookup->done) co_await lookup->waiting.async_wait(kTuple);
  if (!lookup->done) co_return Failed{Failure::kNotReachable, "looking up " + host + ": no answer in time"};
  if (lookup->failed || lookup->addresses.empty())
    co_return Failed{Failure::kNotReachable, "looking up " + host + ": " + lookup->failed.message()};
  co_return std::move(lookup->addresses);
}

/// The name that is asked for and that the certificate must be for.
bool ExpectHost(SSL* ssl, const std::string& host) {
  ErrorCode no_address;
  asio::ip::make_address(host, no_address);
  if (!no_address) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  // What the macro SSL_set_tlsext_host_name does, without its cast.
  std::string name = host;
  return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1 &&
         SSL_set1_host(ssl, host.c_str()) == 1;
}

}  // namespace

struct HttpsPool::State {
  std::shared_ptr<const Network> network;
  std::string host;
  std::optional<HostPort> place;
  std::atomic<int> calls{0};
  std::atomic<std::size_t> turn{0};

  std::mutex mutex;
  bool closed = false;
  std::unordered_map<const void*, std::vector<std::unique_ptr<Connection>>> idle;  // by loop
  std::vector<asio::ip::address> addresses;                                        // allowed ones
  Clock::time_point looked_up{};

  std::unique_ptr<Connection> TakeIdle(const void* loop);
  void PutBack(const void* loop, std::unique_ptr<Connection> connection);
  Task<Outcome<std::vector<tcp::endpoint>>> Endpoints();
  Task<Outcome<std::unique_ptr<Connection>>> Connect();
  Task<Outcome<HttpAnswer>> Send(std::string request);
};

std::unique_ptr<Connection> HttpsPool::State::TakeIdle(const void* loop) {
  for (;;) {
    std::unique_ptr<Connection> connection;
    {
      const std::lock_guard lock(mutex);
      auto& list = idle[loop];
      if (list.empty()) return nullptr;
      connection = std::move(list.back());
      list.pop_back();
    }
    if (Clock::now() - connection->idle_since < kMostIdle && !connection->Closed()) return connection;
  }
}

void HttpsPool::State::PutBack(const void* loop, std::unique_ptr<Connection> connection) {
  connection->idle_since = Clock::now();
  std::vector<std::unique_ptr<Connection>> old;  // closed outside the lock
  const std::lock_guard lock(mutex);
  if (closed) {
    old.push_back(std::move(connection));
    return;
  }
  auto& list = idle[loop];
  list.push_back(std::move(connection));
  // The ones longest unused are in front.
  std::size_t drop = list.size() > kMostIdlePerLoop ? list.size() - kMostIdlePerLoop : 0;
  while (drop < list.size() && Clock::now() - list[drop]->idle_since >= kMostIdle) ++drop;
  for (std::size_t i = 0; i < drop; ++i) old.push_back(std::move(list[i]));
  list.erase(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(drop));
}

/// In the order in which to try them.
Task<Outcome<std::vector<tcp::endpoint>>> HttpsPool::State::Endpoints() {
  std::vector<tcp::endpoint> out;
  if (place) {
    out.emplace_back(asio::ip::make_address(place->address), place->port);
    co_return out;
  }
  std::vector<asio::ip::address> known;
  {
    const std::lock_guard lock(mutex);
    if (Clock::now() - looked_up < kAddressLife) known = addresses;
  }
  if (known.empty()) {
    auto found = co_await Resolve(host, network->options().connect_timeout);
    if (!found.ok()) co_return found.failed();
    known = std::move(*found);
    const std::string first = known.front().to_string();
    std::erase_if(known, [this](const auto& address) { return !network->rules().Allows(address); });
    if (known.empty())
      co_return Failed{Failure::kNotReachable, fmt::format("{} is at {}, where no proxy may be", host, first)};
    const std::lock_guard lock(mutex);
    addresses = known;
    looked_up = Clock::now();
  }
  const std::size_t first = turn.fetch_add(1, std::memory_order_relaxed) % known.size();
  std::ranges::rotate(known, known.begin() + static_cast<std::ptrdiff_t>(first));
  for (const auto& address : known) out.emplace_back(address, std::uint16_t{443});
  co_return out;
}

Task<Outcome<std::unique_ptr<Connection>>> HttpsPool::State::Connect() {
  const LoopExecutor loop = co_await asio::this_coro::executor;
  const std::chrono::milliseconds allowed = network->options().connect_timeout;
  const auto until = Clock::now() + allowed;
  auto endpoints = co_await Endpoints();
  if (!endpoints.ok()) co_return endpoints.failed();
  if (endpoints->size() > kMostAttempts) endpoints->resize(kMostAttempts);
  Failed last{Failure::kNotReachable, ""};
  std::unique_ptr<Connection> connection;
  for (const tcp::endpoint& endpoint : *endpoints) {
    connection = std::make_unique<Connection>(loop, network->tls());
    connection->lowest().expires_at(until);
    const auto [unreached] = co_await connection->lowest().async_connect(endpoint, kTuple);
    if (!unreached) break;
    connection.reset();
    last.detail = fmt::format("connecting to {} port {}: {}", endpoint.address().to_string(), endpoint.port(),
                              unreached.message());
  }
  if (connection == nullptr) {
    // An address that has gone stale is not asked for ten more seconds.
    const std::lock_guard lock(mutex);
    addresses.clear();
    co_return last;
  }
  ErrorCode ignored;
  connection->lowest().socket().set_option(tcp::no_delay(true), ignored);
  if (!ExpectHost(connection->stream.native_handle(), host)) co_return Failed{Failure::kTls, host + " is no host name"};
  connection->lowest().expires_after(allowed);
  const auto [refused] = co_await connection->stream.async_handshake(asio::ssl::stream_base::client, kTuple);
  if (refused) {
    const Failure failure = refused == beast::error::timeout ? Failure::kTimedOut : Failure::kTls;
    const long verified = SSL_get_verify_result(connection->stream.native_handle());
    co_return Failed{failure, fmt::format("TLS with {}: {}{}", host, refused.message(),
                                          verified == X509_V_OK
                                              ? std::string()
                                              : std::string(" (") + X509_verify_cert_error_string(verified) + ")")};
  }
  co_return std::move(connection);
}

Task<Outcome<HttpAnswer>> HttpsPool::State::Send(std::string request) {
  const LoopExecutor executor = co_await asio::this_coro::executor;
  const void* const loop = &executor.context();
  const std::chrono::milliseconds allowed = network->options().answer_timeout;
  if (std::unique_ptr<Connection> kept = TakeIdle(loop)) {
    Exchanged done = co_await Exchange(*kept, request, allowed);
    if (!done.failed) {
      if (done.keep) PutBack(loop, std::move(kept));
      co_return std::move(done.answer);
    }
    if (!done.broken) co_return std::move(*done.failed);
  }
  auto fresh = co_await Connect();
  if (!fresh.ok()) co_return fresh.failed();
  Exchanged done = co_await Exchange(**fresh, request, allowed);
  if (done.failed) co_return std::move(*done.failed);
  if (done.keep) PutBack(loop, std::move(*fresh));
  co_return std::move(done.answer);
}

HttpsPool::HttpsPool(std::shared_ptr<const Network> network, std::string host, std::optional<HostPort> place)
    : state_(std::make_unique<State>()) {
  state_->network = std::move(network);
  state_->host = std::move(host);
  state_->place = std::move(place);
  if (!state_->place) {
    const auto& hosts = state_->network->options().hosts;
    if (const auto found = hosts.find(state_->host); found != hosts.end()) state_->place = found->second;
  }
}

HttpsPool::~HttpsPool() = default;

Task<Outcome<HttpAnswer>> HttpsPool::Send(std::string request) {
  const std::shared_ptr<HttpsPool> self = shared_from_this();
  struct Count {
    std::atomic<int>& calls;
    const int before = calls.fetch_add(1, std::memory_order_relaxed);
    ~Count() { calls.fetch_sub(1, std::memory_order_relaxed); }
  };
  const Count count{self->state_->calls};
  if (count.before >= kMostCalls) co_return Failed{Failure::kThrottled, "too many calls to the proxy are under way"};
  co_return co_await self->state_->Send(std::move(request));
}

void HttpsPool::Close() {
  decltype(state_->idle) idle;
  const std::lock_guard lock(state_->mutex);
  state_->closed = true;
  idle.swap(state_->idle);
}

}  // namespace strongroom::xks
