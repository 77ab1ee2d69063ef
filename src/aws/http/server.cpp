#include "aws/http/server.h"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "aws/http/address.h"
#include "aws/http/connection.h"
#include "aws/http/tls_context.h"
#include "base/log.h"

namespace strongroom::aws {
namespace {
namespace asio = boost::asio;
using asio::ip::tcp;
using Socket = asio::basic_stream_socket<tcp, LoopExecutor>;
using Acceptor = asio::basic_socket_acceptor<tcp, LoopExecutor>;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;
constexpr asio::as_tuple_t<asio::use_awaitable_t<LoopExecutor>> kTuple{};

struct PerLoop {
  Loop& loop;
  std::shared_ptr<LoopConnections> connections = std::make_shared<LoopConnections>(loop.get_executor());
  std::optional<Timer> timer;  // empty once stopped: the loop may go before us
  explicit PerLoop(Loop& on) : loop(on), timer(on.get_executor()) {}
};

Error BindError(const HttpServerConfig& config, const boost::system::error_code& ec) {
  const std::string where = config.address + ":" + std::to_string(config.port);
  if (ec == asio::error::address_in_use) return Error(Errc::kAlreadyExists, "The address " + where + " is in use.");
  if (ec == asio::error::access_denied) return Error(Errc::kPermission, "Not permitted to listen on " + where + ".");
  return Error(Errc::kInvalidArgument, "Cannot listen on " + where + ": " + ec.message() + ".");
}
}  // namespace

struct HttpServer::State : std::enable_shared_from_this<HttpServer::State> {
  std::shared_ptr<ServerShared> shared;
  std::vector<std::unique_ptr<PerLoop>> loops;
  std::optional<Acceptor> acceptor;
  std::uint16_t port = 0;
  bool stopped = false;

  static Task<void> Accept(std::shared_ptr<State> self) {
    while (!self->shared->stopping) {
      PerLoop& target = *self->LeastBusy();
      auto [ec, socket] = co_await self->acceptor->async_accept(target.loop.get_executor(), kTuple);
      if (ec == asio::error::operation_aborted || self->shared->stopping) co_return;
      if (ec) {
        // Out of descriptors, or a client gone before it was accepted. The pause keeps the first from spinning.
        log::Warn("accept: {}", ec.message());
        Timer pause(self->loops.front()->loop.get_executor());
        pause.expires_after(std::chrono::milliseconds(50));
        co_await pause.async_wait(kTuple);
        continue;
      }
      self->Admit(target, std::move(socket));
    }
  }

  PerLoop* LeastBusy() {
    PerLoop* best = loops.front().get();
    for (const auto& one : loops) {
      if (one->connections->open.load(std::memory_order_relaxed) <
          best->connections->open.load(std::memory_order_relaxed)) {
        best = one.get();
      }
    }
    return best;
  }

  void Admit(PerLoop& target, Socket socket) {
    shared->accepted.fetch_add(1, std::memory_order_relaxed);
    if (shared->open.load(std::memory_order_relaxed) >= shared->limits.connections) {
      shared->refused.fetch_add(1, std::memory_order_relaxed);
      return;  // the socket closes
    }
    shared->open.fetch_add(1, std::memory_order_acq_rel);
    target.connections->open.fetch_add(1, std::memory_order_relaxed);
    boost::system::error_code ec, ignored;
    const auto peer = socket.remote_endpoint(ec);
    socket.set_option(tcp::no_delay(true), ignored);
    UniqueFd released(socket.release(ignored));
    asio::post(target.loop, [self = shared_from_this(), &target, socket = std::move(released),
                             remote = ec ? std::string("unknown") : AddressText(peer.address())]() mutable {
      const auto watch = target.connections->watch.lock();
      if (!watch) return self->Dismiss(target);
      target.connections->now = std::chrono::steady_clock::now();
      auto connection =
          std::make_shared<Connection>(std::move(socket), watch, std::move(remote), self->shared, target.connections);
      if (self->shared->stopping) return;
      auto run = Connection::Run(std::move(connection));
      asio::co_spawn(target.loop.get_executor(), std::move(run), asio::detached);
    });
  }

  void Dismiss(PerLoop& target) {
    target.connections->open.fetch_sub(1, std::memory_order_relaxed);
    shared->open.fetch_sub(1, std::memory_order_acq_rel);
  }

  static Task<void> Tick(std::shared_ptr<State> self, PerLoop& on) {
    for (;;) {
      on.timer->expires_after(self->shared->limits.tick);
      auto [ec] = co_await on.timer->async_wait(kTuple);
      if (ec) co_return;
      const Coarse now = std::chrono::steady_clock::now();
      on.connections->now = now;
      for (Connection* connection : on.connections->all) connection->CloseIfExpired(now);
    }
  }

  /// Runs `work` on every loop and waits for at most `patience`; a loop that does not run does not hold us.
  void OnEveryLoop(std::chrono::milliseconds patience, void (*work)(PerLoop&, State&)) {
    struct Gate {
      std::mutex mutex;
      std::condition_variable changed;
      std::size_t left;
    };
    const auto gate = std::make_shared<Gate>();
    gate->left = loops.size();
    for (const auto& one : loops) {
      asio::post(one->loop, [self = shared_from_this(), gate, work, on = one.get()] {
        work(*on, *self);
        const std::lock_guard lock(gate->mutex);
        if (--gate->left == 0) gate->changed.notify_all();
      });
    }
    std::unique_lock lock(gate->mutex);
    gate->changed.wait_for(lock, patience, [&] { return gate->left == 0; });
  }
};

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerConfig& config, LoopGroup& loops,
                                                      HttpHandler& handler) {
  SR_TRY(auto tls, MakeServerTls(config.certificate_chain, config.private_key));
  auto state = std::make_shared<State>();
  state->shared = std::make_shared<ServerShared>(std::move(tls));
  state->shared->limits = config.limits;
  state->shared->handler = &handler;
  for (std::size_t i = 0; i < loops.size(); ++i) {
    state->loops.push_back(std::make_unique<PerLoop>(loops.at(i)));
    state->shared->loops.push_back(state->loops.back()->connections);
  }

  boost::system::error_code ec;
  const auto address = asio::ip::make_address(config.address, ec);
  if (ec) return Error(Errc::kInvalidArgument, "'" + config.address + "' is not an IP address.");
  Acceptor acceptor(loops.at(0).get_executor());
  const tcp::endpoint endpoint(address, config.port);
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(Acceptor::reuse_address(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(1024, ec);
  if (ec) return BindError(config, ec);
  state->port = acceptor.local_endpoint(ec).port();
  state->acceptor.emplace(std::move(acceptor));

  for (const auto& one : state->loops) {
    SR_TRY(auto watch, SocketWatch::Open(one->loop.get_executor()));
    one->connections->watch = watch;
    asio::post(one->loop, [watch = std::move(watch)] { watch->Start(); });
  }
  auto accepting = State::Accept(state);
  asio::co_spawn(loops.at(0).get_executor(), std::move(accepting), asio::detached);
  for (const auto& one : state->loops) {
    auto ticking = State::Tick(state, *one);
    asio::co_spawn(one->loop.get_executor(), std::move(ticking), asio::detached);
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

HttpServer::HttpServer(std::shared_ptr<State> state) : state_(std::move(state)) {}
HttpServer::~HttpServer() { Stop(std::chrono::milliseconds(0)); }
std::uint16_t HttpServer::port() const noexcept { return state_->port; }

HttpServerStats ServerShared::Stats() const noexcept {
  HttpServerStats stats{.open = open,
                        .accepted = accepted,
                        .refused = refused,
                        .handshake_failures = handshake_failures,
                        .expired = expired,
                        .bad_requests = bad_requests};
  for (const auto& one : loops) stats.requests += one->requests;
  return stats;
}

HttpServerStats HttpServer::stats() const noexcept { return state_->shared->Stats(); }

std::shared_ptr<prometheus::Collectable> HttpServer::metrics() const {
  struct Shown final : prometheus::Collectable {
    std::shared_ptr<ServerShared> shared;
    std::vector<prometheus::MetricFamily> Collect() const override {
      const HttpServerStats stats = shared->Stats();
      const auto family = [](const char* name, const char* help, prometheus::MetricType type, std::uint64_t value) {
        prometheus::ClientMetric metric;
        (type == prometheus::MetricType::Gauge ? metric.gauge.value : metric.counter.value) =
            static_cast<double>(value);
        return prometheus::MetricFamily{name, help, type, {std::move(metric)}};
      };
      using enum prometheus::MetricType;
      return {
          family("strongroom_http_connections", "Open connections.", Gauge, stats.open),
          family("strongroom_http_accepted_total", "Connections accepted.", Counter, stats.accepted),
          family("strongroom_http_refused_total", "Connections over the limit.", Counter, stats.refused),
          family("strongroom_http_handshake_failures_total", "TLS handshakes failed.", Counter,
                 stats.handshake_failures),
          family("strongroom_http_expired_total", "Connections closed at a deadline.", Counter, stats.expired),
          family("strongroom_http_bad_requests_total", "Requests that were not HTTP, or too large.", Counter,
                 stats.bad_requests),
          family("strongroom_http_requests_total", "Requests handled.", Counter, stats.requests),
      };
    }
  };
  auto shown = std::make_shared<Shown>();
  shown->shared = state_->shared;
  return shown;
}

void HttpServer::Stop(std::chrono::milliseconds grace) {
  if (std::exchange(state_->stopped, true)) return;
  constexpr std::chrono::seconds kLoopPatience(2);
  const auto until = std::chrono::steady_clock::now() + grace;
  state_->shared->stopping = true;
  state_->OnEveryLoop(kLoopPatience, [](PerLoop& on, State& state) {
    if (&on == state.loops.front().get()) {
      boost::system::error_code ignored;
      if (state.acceptor) state.acceptor->close(ignored);
    }
    for (Connection* connection : on.connections->all) connection->CloseWhenIdle();
  });
  while (state_->shared->open != 0 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  state_->OnEveryLoop(kLoopPatience, [](PerLoop& on, State&) {
    if (on.timer) on.timer->cancel();
    for (Connection* connection : on.connections->all) connection->CloseNow();
  });
  // What was cancelled now ends, each on its loop; then nothing of the server's refers to a loop any more.
  const auto ended = std::chrono::steady_clock::now() + kLoopPatience;
  while (state_->shared->open != 0 && std::chrono::steady_clock::now() < ended) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  state_->OnEveryLoop(kLoopPatience, [](PerLoop&, State&) {});
  state_->OnEveryLoop(kLoopPatience, [](PerLoop& on, State& state) {
    if (const auto watch = on.connections->watch.lock()) watch->Stop();
    on.timer.reset();
    if (&on == state.loops.front().get()) state.acceptor.reset();
  });
}

}  // namespace strongroom::aws
