#include "control/host_link.h"

#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/steady_timer.hpp>
#include <random>

#include "base/log.h"
#include "control/stream.h"

namespace strongroom::control {
namespace net = boost::asio;
namespace {

constexpr auto kToken = net::as_tuple(net::use_awaitable_t<LoopExecutor>{});
using Timer =
    net::basic_waitable_timer<std::chrono::steady_clock, net::wait_traits<std::chrono::steady_clock>, LoopExecutor>;

Error NotConnected(const std::string& address) {
  return Error(Errc::kUnavailable, "The HSM host is not connected.").WithDetail(address + "; nothing was sent");
}

}  // namespace

void SetUpControlSocket(TcpSocket::lowest_layer_type& socket) {
  boost::system::error_code ignored;
  socket.set_option(net::ip::tcp::no_delay(true), ignored);
  socket.set_option(net::socket_base::keep_alive(true), ignored);
  using Seconds = int;
  for (const auto& [option, value] : {std::pair<int, Seconds>{TCP_KEEPIDLE, 4}, {TCP_KEEPINTVL, 2}, {TCP_KEEPCNT, 3}})
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, option, &value, sizeof value);
  const unsigned unacknowledged_millis = 10'000;
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_millis,
               sizeof unacknowledged_millis);
}

struct HostLink::State : std::enable_shared_from_this<HostLink::State> {
  State(Loop& l, HostLinkOptions o, HostLinkEvents e)
      : loop(l), options(std::move(o)), events(std::move(e)), pause_timer(l) {}

  Loop& loop;
  const HostLinkOptions options;
  HostLinkEvents events;
  Timer pause_timer;  // between attempts, and while connected until the link ends
  std::shared_ptr<TlsSocket> connecting;
  std::shared_ptr<Link> link;
  std::atomic<bool> connected{false};
  std::atomic<bool> started{false};
  bool stopped = false;
  bool told_of_outage = false;  // one warning per outage, not one per attempt

  Task<void> Run();
  Task<Result<std::unique_ptr<LinkStream>>> Connect();
  Task<void> Serve(std::unique_ptr<LinkStream> stream);
  void StopOnLoop();
};

Task<Result<std::unique_ptr<LinkStream>>> HostLink::State::Connect() {
  boost::system::error_code bad;
  const auto address = net::ip::make_address(options.address, bad);
  if (bad) co_return Error(Errc::kInvalidArgument, "The HSM host's address is not an IP address.");
  SSL* session = SSL_new(options.tls.native());
  if (session == nullptr) co_return Error(Errc::kInternal, "TLS for the control link cannot be set up.");
  const auto socket = std::make_shared<TlsSocket>(TcpSocket(loop), session);
  connecting = socket;
  Timer deadline(loop, options.connect_deadline);
  deadline.async_wait([socket](const boost::system::error_code& cancelled) {
    boost::system::error_code ignored;
    if (!cancelled) socket->lowest_layer().close(ignored);
  });
  const net::ip::tcp::endpoint endpoint(address, options.port);
  auto [failed] = co_await socket->lowest_layer().async_connect(endpoint, kToken);
  if (!failed) {
    SetUpControlSocket(socket->lowest_layer());
    auto [refused] = co_await socket->async_handshake(net::ssl::stream_base::client, kToken);
    failed = refused;
  }
  // Certificates are refused with the alert of TLS 1.3 only after our side of the handshake is done; that shows as a
  // link which ends at once.
  connecting.reset();
  const bool in_time = deadline.cancel() > 0;
  if (!in_time && failed) co_return Error(Errc::kTimeout, "The HSM host did not answer in time.");
  if (failed) co_return Error(Errc::kUnavailable, "The HSM host cannot be reached.").WithDetail(failed.message());
  if (!in_time) co_return Error(Errc::kTimeout, "The HSM host did not answer in time.");
  if (stopped) co_return Error(Errc::kCancelled, "The control link was stopped.");
  co_return MakeLinkStream(std::move(*socket));
}

Task<void> HostLink::State::Serve(std::unique_ptr<LinkStream> stream) {
  link = Link::Make(loop, std::move(stream), options.link);
  std::optional<Error> ended;
  // What a closed link calls refers to this frame, which waits for it.
  pause_timer.expires_at(Timer::time_point::max());
  link->Start(events.on_question, events.on_notice, [this, &ended](const Error& why) {
    connected = false;
    ended = why;
    pause_timer.cancel();
  });
  connected = true;
  if (told_of_outage) log::Info("The HSM host at {} is connected again.", options.address);
  told_of_outage = false;
  if (events.on_connected) {
    const auto on_connected = events.on_connected;
    on_connected();
  }
  while (!ended) co_await pause_timer.async_wait(kToken);
  link.reset();
  if (!stopped) {
    told_of_outage = true;
    log::Warn("The control link to {} was lost: {}", options.address, ended->ForLog());
  }
  if (events.on_disconnected) {
    const auto on_disconnected = events.on_disconnected;
    on_disconnected(*ended);
  }
}

Task<void> HostLink::State::Run() {
  std::minstd_rand jitter{std::random_device{}()};
  auto pause = options.first_pause;
  while (!stopped) {
    auto stream = co_await Connect();
    if (stopped) break;
    if (stream.ok()) {
      const auto since = std::chrono::steady_clock::now();
      co_await Serve(std::move(*stream));
      if (std::chrono::steady_clock::now() - since > options.longest_pause) pause = options.first_pause;
    } else if (!told_of_outage) {
      told_of_outage = true;
      log::Warn("The HSM host at {}:{} is not connected: {}", options.address, options.port, stream.error().ForLog());
    }
    if (stopped) break;
    std::uniform_real_distribution<double> spread(0.75, 1.25);
    pause_timer.expires_after(std::chrono::duration_cast<std::chrono::milliseconds>(pause * spread(jitter)));
    co_await pause_timer.async_wait(kToken);
    pause = std::min(pause * 2, options.longest_pause);
  }
}

void HostLink::State::StopOnLoop() {
  if (stopped) return;
  stopped = true;
  events = {};
  boost::system::error_code ignored;
  if (connecting) connecting->lowest_layer().close(ignored);
  if (link) {
    const auto open = link;
    open->Close(Error(Errc::kCancelled, "The control link was stopped."));
  }
  pause_timer.cancel();
}

HostLink::HostLink(Loop& loop, HostLinkOptions options, HostLinkEvents events)
    : state_(std::make_shared<State>(loop, std::move(options), std::move(events))) {}

HostLink::~HostLink() { Stop(); }

void HostLink::Start() {
  if (state_->started.exchange(true)) return;
  net::co_spawn(
      state_->loop.get_executor(), [state = state_] { return state->Run(); },
      [state = state_](std::exception_ptr thrown) {
        if (thrown) log::Error("The control link to {} failed for good.", state->options.address);
      });
}

void HostLink::Stop() {
  net::dispatch(state_->loop.get_executor(), [state = state_] { state->StopOnLoop(); });
}

namespace {

Task<std::optional<Result<proto::Control>>> AskOn(std::shared_ptr<Link>& link, std::string address,
                                                  proto::Control question, std::chrono::milliseconds deadline) {
  const auto open = link;
  if (!open) co_return NotConnected(address);
  co_return co_await open->Ask(std::move(question), deadline);
}

}  // namespace

Task<Result<proto::Control>> HostLink::Ask(std::string hsm_id, proto::Control question,
                                           std::chrono::milliseconds deadline) {
  const auto state = state_;
  question.set_hsm_id(hsm_id);
  const LoopExecutor here = co_await net::this_coro::executor;
  if (here == state->loop.get_executor()) {
    const auto open = state->link;
    if (!open) co_return NotConnected(state->options.address);
    co_return co_await open->Ask(std::move(question), deadline);
  }
  // co_spawn needs a value that can be empty; it resumes us on our own loop.
  auto work = AskOn(state->link, state->options.address, std::move(question), deadline);
  auto answer =
      co_await net::co_spawn(state->loop.get_executor(), std::move(work), net::use_awaitable_t<LoopExecutor>{});
  co_return std::move(*answer);
}

void HostLink::Notify(std::string hsm_id, proto::Control notice) {
  notice.set_hsm_id(hsm_id);
  net::dispatch(state_->loop.get_executor(), [state = state_, notice = std::move(notice)]() mutable {
    if (!state->link) return;
    const Status sent = state->link->Notify(std::move(notice));
    if (!sent.ok()) LogError("sending a notice to an HSM host", sent.error());
  });
}

bool HostLink::connected() const noexcept { return state_->connected.load(); }
const std::string& HostLink::address() const noexcept { return state_->options.address; }

}  // namespace strongroom::control
