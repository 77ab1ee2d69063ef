#include "hsm_host/front_ends.h"

#include <openssl/ssl.h>

#include <boost/asio/co_spawn.hpp>

#include "base/log.h"
#include "crypto/hash.h"
#include "crypto/openssl_bridge.h"

namespace strongroom::hsm_host {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

constexpr auto kToken = net::as_tuple(net::use_awaitable_t<LoopExecutor>{});
constexpr std::chrono::seconds kHandshakeDeadline{10};
constexpr int kMaxHandshakes = 64;
constexpr std::size_t kMaxLinks = 128;
constexpr std::chrono::seconds kSilentAfter{1};
using Clock = std::chrono::steady_clock;
using Acceptor = net::basic_socket_acceptor<tcp, LoopExecutor>;
using Timer =
    net::basic_waitable_timer<std::chrono::steady_clock, net::wait_traits<std::chrono::steady_clock>, LoopExecutor>;

}  // namespace

struct FrontEnds::State : std::enable_shared_from_this<FrontEnds::State> {
  State(Loop& l, channel::Identity i) : loop(l), identity(std::move(i)), acceptor(l) {}
  struct Peer {
    crypto::Certificate certificate;
    std::shared_ptr<control::Link> link;
    std::size_t asked = 0;      // questions that wait for its answer
    Clock::time_point heard{};  // its last answer, or the first question after it
    bool probed = false;        // it let a question's deadline pass, and the probe is one of `asked`
    bool silent() const { return asked > 0 && Clock::now() - heard > kSilentAfter; }
  };
  Loop& loop;
  const channel::Identity identity;
  Handler on_question;
  control::Link::NoticeHandler on_notice;
  Acceptor acceptor;
  std::optional<channel::TlsContext> tls;
  std::vector<crypto::Certificate> allowed;
  std::list<std::shared_ptr<Peer>> peers;
  int handshaking = 0;

  std::shared_ptr<Peer> Choose(const proto::Control& question);
  Task<Result<proto::Control>> Ask(std::shared_ptr<Peer> peer, proto::Control question,
                                   std::chrono::milliseconds deadline);
  static Task<void> Probe(std::shared_ptr<Peer> peer, std::chrono::milliseconds deadline);
  Task<void> AcceptLoop();
  Task<void> Handshake(std::shared_ptr<control::TcpSocket> client);
  void Take(control::TlsSocket stream, crypto::Certificate certificate, const std::string& from);
};

std::shared_ptr<FrontEnds::State::Peer> FrontEnds::State::Choose(const proto::Control& question) {
  auto first = peers.end();
  crypto::Sha256Digest smallest{};
  for (auto at = peers.begin(); at != peers.end(); ++at) {
    if ((*at)->silent()) continue;
    if (!question.has_log_append()) {
      first = at;
      break;
    }
    const auto rank = crypto::Sha256({AsBytes(question.log_append().cluster_id()), (*at)->certificate.ToDer()});
    if (first != peers.end() && rank >= smallest) continue;
    smallest = rank;
    first = at;
  }
  if (first != peers.end() && question.has_log_append()) return *first;
  // Who was asked goes to the end of the line.
  peers.splice(peers.end(), peers, first == peers.end() ? peers.begin() : first);
  return peers.back();
}

Task<Result<proto::Control>> FrontEnds::State::Ask(std::shared_ptr<Peer> peer, proto::Control question,
                                                   std::chrono::milliseconds deadline) {
  if (peer->asked++ == 0) peer->heard = Clock::now();
  auto answer = co_await peer->link->Ask(std::move(question), deadline);
  const bool in_time = answer.ok() || answer.error().code() != Errc::kTimeout;
  if (!in_time && !std::exchange(peer->probed, true)) {
    // The debt is the probe's from now on, so that it stays silent.
    net::co_spawn(
        loop.get_executor(), [peer, deadline] { return Probe(peer, deadline); }, [](std::exception_ptr) {});
    co_return answer;
  }
  --peer->asked;
  if (in_time) peer->heard = Clock::now();
  co_return answer;
}

// Asks what every front end answers at once, until it does: a process that stands still, or a machine that is cut off,
// is not tried with questions that matter.
Task<void> FrontEnds::State::Probe(std::shared_ptr<Peer> peer, std::chrono::milliseconds deadline) {
  while (peer->link->open()) {
    proto::Control hello;
    hello.mutable_host_hello();
    const auto answer = co_await peer->link->Ask(std::move(hello), deadline);
    if (answer.ok() || answer.error().code() != Errc::kTimeout) break;
  }
  peer->probed = false;
  --peer->asked;
  peer->heard = Clock::now();
}

Task<void> FrontEnds::State::AcceptLoop() {
  while (acceptor.is_open()) {
    auto client = std::make_shared<control::TcpSocket>(loop);
    auto [failed] = co_await acceptor.async_accept(*client, kToken);
    if (failed == net::error::operation_aborted) co_return;
    if (failed) {
      log::Warn("The control port cannot accept: {}", failed.message());
      Timer pause(loop, std::chrono::milliseconds(100));
      co_await pause.async_wait(kToken);
      continue;
    }
    if (!tls || handshaking >= kMaxHandshakes || peers.size() >= kMaxLinks) continue;
    ++handshaking;
    auto work = Handshake(std::move(client));
    net::co_spawn(loop.get_executor(), std::move(work),
                  [self = shared_from_this()](std::exception_ptr) { --self->handshaking; });
  }
}

Task<void> FrontEnds::State::Handshake(std::shared_ptr<control::TcpSocket> client) {
  boost::system::error_code failed;
  const auto from = client->remote_endpoint(failed);
  if (failed || !tls) co_return;
  control::SetUpControlSocket(*client);
  SSL* session = SSL_new(tls->native());
  if (session == nullptr) co_return;
  auto stream = std::make_shared<control::TlsSocket>(std::move(*client), session);
  Timer deadline(loop, kHandshakeDeadline);
  deadline.async_wait([stream](const boost::system::error_code& cancelled) {
    boost::system::error_code ignored;
    if (!cancelled) stream->lowest_layer().close(ignored);
  });
  auto [refused] = co_await stream->async_handshake(net::ssl::stream_base::server, kToken);
  if (deadline.cancel() == 0) co_return;
  if (refused) {
    log::Warn("A control connection from {} was refused: {}", from.address().to_string(), refused.message());
    co_return;
  }
  X509* shown = SSL_get1_peer_certificate(stream->native_handle());
  if (shown == nullptr) co_return;
  auto certificate = crypto::OpenSslBridge::FromX509(shown);
  X509_free(shown);
  // It may have been removed while the handshake went on.
  if (!certificate.ok() || std::find(allowed.begin(), allowed.end(), *certificate) == allowed.end()) co_return;
  Take(std::move(*stream), std::move(*certificate), from.address().to_string());
}

void FrontEnds::State::Take(control::TlsSocket stream, crypto::Certificate certificate, const std::string& from) {
  auto link = control::Link::Make(loop, control::MakeLinkStream(std::move(stream)));
  peers.push_back(std::make_shared<Peer>(Peer{std::move(certificate), link}));
  log::Info("A front end has connected from {}.", from);
  link->Start(on_question, on_notice, [weak = weak_from_this(), which = link.get(), from](const Error& why) {
    log::Warn("The front end at {} is gone: {}", from, why.ForLog());
    if (const auto self = weak.lock()) self->peers.remove_if([which](const auto& p) { return p->link.get() == which; });
  });
}

FrontEnds::FrontEnds(Loop& loop, channel::Identity identity, Handler on_question,
                     control::Link::NoticeHandler on_notice)
    : state_(std::make_shared<State>(loop, std::move(identity))) {
  state_->on_question = std::move(on_question);
  state_->on_notice = std::move(on_notice);
}

FrontEnds::~FrontEnds() {
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  Allow({});
}

Status FrontEnds::Listen(const std::string& address, std::uint16_t port) {
  boost::system::error_code failed;
  const auto parsed = net::ip::make_address(address, failed);
  if (failed) return Error(Errc::kInvalidArgument, "The host's address is not an IP address.");
  const tcp::endpoint endpoint(parsed, port);
  Acceptor& acceptor = state_->acceptor;
  acceptor.open(endpoint.protocol(), failed);
  if (!failed) acceptor.set_option(net::socket_base::reuse_address(true), failed);
  if (!failed) acceptor.bind(endpoint, failed);
  if (!failed) acceptor.listen(128, failed);
  if (failed) {
    const Errc code = failed == net::error::address_in_use ? Errc::kAlreadyExists : Errc::kInvalidArgument;
    return Error(code, fmt::format("The host cannot listen on {}:{}: {}.", address, port, failed.message()));
  }
  net::co_spawn(
      state_->loop.get_executor(), [state = state_] { return state->AcceptLoop(); },
      [state = state_](std::exception_ptr thrown) {
        if (thrown) log::Error("The control port has stopped listening.");
      });
  return {};
}

void FrontEnds::Allow(std::vector<crypto::Certificate> certificates) {
  state_->allowed = std::move(certificates);
  state_->tls.reset();
  if (!state_->allowed.empty()) {
    channel::ControlOptions options{state_->identity, state_->allowed};
    auto tls = channel::ControlServer(options);
    if (tls.ok())
      state_->tls = std::move(*tls);
    else
      LogError("setting up the control port", tls.error());
  }
  std::vector<std::shared_ptr<control::Link>> removed;
  for (const auto& peer : state_->peers)
    if (std::find(state_->allowed.begin(), state_->allowed.end(), peer->certificate) == state_->allowed.end())
      removed.push_back(peer->link);
  for (const auto& link : removed) link->Close(Error(Errc::kUntrusted, "The front end is no longer allowed."));
}

Task<Result<proto::Control>> FrontEnds::AskAny(proto::Control question, std::chrono::milliseconds deadline) {
  const auto state = state_;
  if (state->peers.empty())
    co_return Error(Errc::kUnavailable, "No front end is connected.").WithDetail("nothing was sent");
  const std::shared_ptr<State::Peer> peer = state->Choose(question);
  co_return co_await state->Ask(peer, std::move(question), deadline);
}

void FrontEnds::NotifyAll(const proto::Control& notice) {
  for (const auto& peer : state_->peers) {
    const Status sent = peer->link->Notify(notice);
    if (!sent.ok()) LogError("passing on a notice", sent.error());
  }
}

std::size_t FrontEnds::connected() const noexcept { return state_->peers.size(); }

}  // namespace strongroom::hsm_host
