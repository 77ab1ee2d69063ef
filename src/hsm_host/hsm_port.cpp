#include "hsm_host/hsm_port.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "base/log.h"

namespace strongroom::hsm_host {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

constexpr std::size_t kMaxSources = 4096;
constexpr auto kToken = net::as_tuple(net::use_awaitable_t<LoopExecutor>{});
using Acceptor = net::basic_socket_acceptor<tcp, LoopExecutor>;
using Timer =
    net::basic_waitable_timer<std::chrono::steady_clock, net::wait_traits<std::chrono::steady_clock>, LoopExecutor>;

Error CannotListen(const std::string& address, std::uint16_t port, const boost::system::error_code& why) {
  Errc code = Errc::kInternal;
  if (why == net::error::address_in_use) code = Errc::kAlreadyExists;
  if (why == boost::system::errc::address_not_available) code = Errc::kInvalidArgument;
  return Error(code, fmt::format("The host cannot listen on {}:{}: {}.", address, port, why.message()));
}

}  // namespace

std::optional<std::chrono::milliseconds> AcceptPacer::Delay(const net::ip::address& source,
                                                            std::chrono::steady_clock::time_point now) {
  if (sources_.size() >= kMaxSources) sources_.clear();
  Source& entry = sources_.try_emplace(source.to_string(), Source{kBurst, now}).first->second;
  const double passed = std::chrono::duration<double>(now - entry.last).count();
  entry.last = now;
  entry.tokens = std::min(kBurst, entry.tokens + passed * kRatePerSecond);
  const double debt = 1 - entry.tokens;
  const auto delay = std::chrono::milliseconds(debt <= 0 ? 0 : static_cast<int>(debt / kRatePerSecond * 1000));
  if (delay > kLongestDelay) return std::nullopt;
  entry.tokens -= 1;
  return delay;
}

struct HsmPort::State : std::enable_shared_from_this<HsmPort::State> {
  State(Loop& l, std::vector<std::unique_ptr<TunnelLoop>>& w, AcceptPacer& p, Options o)
      : loop(l), workers(w), pacer(p), options(std::move(o)) {}
  Loop& loop;
  std::vector<std::unique_ptr<TunnelLoop>>& workers;
  AcceptPacer& pacer;
  const Options options;
  std::vector<std::shared_ptr<Acceptor>> acceptors;
  std::optional<channel::TlsContext> tls;
  std::string hsm_socket;
  std::size_t next_worker = 0;

  Task<void> AcceptLoop(std::shared_ptr<Acceptor> acceptor);
  void Admit(control::TcpSocket client, TunnelLoop& worker);
};

Task<void> HsmPort::State::AcceptLoop(std::shared_ptr<Acceptor> acceptor) {
  while (acceptor->is_open()) {
    TunnelLoop& worker = *workers[next_worker++ % workers.size()];
    control::TcpSocket client(worker.loop());
    auto [failed] = co_await acceptor->async_accept(client, kToken);
    if (failed == net::error::operation_aborted) co_return;
    if (failed) {
      // Out of descriptors, most likely: tunnels end, so it is tried again.
      log::Warn("{} cannot accept: {}", options.hsm_id, failed.message());
      Timer pause(loop, std::chrono::milliseconds(100));
      co_await pause.async_wait(kToken);
      continue;
    }
    Admit(std::move(client), worker);
  }
}

void HsmPort::State::Admit(control::TcpSocket client, TunnelLoop& worker) {
  boost::system::error_code gone;
  const auto source = client.remote_endpoint(gone);
  if (gone || !tls || hsm_socket.empty()) return;  // closed
  const auto delay = pacer.Delay(source.address(), std::chrono::steady_clock::now());
  if (!delay) return;
  if (++options.counts->handshaking > kMaxHandshakes) {
    --options.counts->handshaking;
    return;
  }
  TunnelOptions tunnel{*tls, hsm_socket, options.hsm_id + " from " + source.address().to_string(), options.counts};
  auto timer = std::make_shared<Timer>(loop, *delay);
  auto start = [&worker, client = std::move(client), tunnel = std::move(tunnel)]() mutable {
    StartTunnel(worker, std::move(client), std::move(tunnel));
  };
  if (delay->count() == 0) return net::post(worker.loop(), std::move(start));
  timer->async_wait([timer, &worker, start = std::move(start)](const boost::system::error_code&) mutable {
    net::post(worker.loop(), std::move(start));
  });
}

HsmPort::HsmPort(Loop& loop, std::vector<std::unique_ptr<TunnelLoop>>& workers, AcceptPacer& pacer, Options options)
    : state_(std::make_shared<State>(loop, workers, pacer, std::move(options))) {}

HsmPort::~HsmPort() {
  boost::system::error_code ignored;
  for (const auto& acceptor : state_->acceptors) acceptor->close(ignored);
}

Status HsmPort::Open() {
  boost::system::error_code failed;
  const auto address = net::ip::make_address(state_->options.address, failed);
  if (failed) return Error(Errc::kInvalidArgument, "An HSM's address is an IP address.");
  std::vector<std::shared_ptr<Acceptor>> opened;
  for (const std::uint16_t port : {channel::kHsmPort, channel::kCmuPort}) {
    auto acceptor = std::make_shared<Acceptor>(state_->loop);
    const tcp::endpoint endpoint(address, port);
    acceptor->open(endpoint.protocol(), failed);
    if (!failed) acceptor->set_option(net::socket_base::reuse_address(true), failed);
    if (!failed) acceptor->bind(endpoint, failed);
    if (!failed) acceptor->listen(1024, failed);
    if (failed) return CannotListen(state_->options.address, port, failed);
    opened.push_back(std::move(acceptor));
  }
  state_->acceptors = std::move(opened);
  for (const auto& acceptor : state_->acceptors) {
    auto work = state_->AcceptLoop(acceptor);
    net::co_spawn(state_->loop.get_executor(), std::move(work), [state = state_](std::exception_ptr thrown) {
      if (thrown) log::Error("{} has stopped listening.", state->options.hsm_id);
    });
  }
  return {};
}

bool HsmPort::listening() const noexcept { return !state_->acceptors.empty(); }
const std::string& HsmPort::address() const noexcept { return state_->options.address; }
void HsmPort::SetTls(std::optional<channel::TlsContext> tls) { state_->tls = std::move(tls); }
void HsmPort::SetHsmSocket(std::string path) { state_->hsm_socket = std::move(path); }
const std::shared_ptr<TunnelCounts>& HsmPort::counts() const noexcept { return state_->options.counts; }

}  // namespace strongroom::hsm_host
