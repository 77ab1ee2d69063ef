#include "hsm_client/testing/hsm_double.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <future>
#include <set>
#include <thread>

#include "base/testing/temporary_directory.h"
#include "channel/tls_stream.h"
#include "cluster.pb.h"
#include "wire/status.h"

namespace strongroom::hsm_client::testing {
namespace asio = boost::asio;
using Unix = asio::local::stream_protocol;
using UnixSocket = asio::basic_stream_socket<Unix, LoopExecutor>;

namespace {

constexpr std::size_t kPositionBytes = 65;

Bytes PositionOf(std::uint64_t number) {
  Bytes token(kPositionBytes);
  token[0] = 1;
  token[8] = 1;  // epoch
  for (std::size_t i = 0; i < 8; ++i) token[9 + i] = static_cast<std::uint8_t>(number >> (8 * (7 - i)));
  return token;
}
std::uint64_t NumberIn(ByteView token) {
  std::uint64_t number = 0;
  for (std::size_t i = 9; i < 17 && i < token.size(); ++i) number = number << 8 | token[i];
  return number;
}

}  // namespace

struct HsmDouble::Impl {
  struct Client final : channel::PipeEvents, std::enable_shared_from_this<Client> {
    Client(Impl& o, std::shared_ptr<channel::TlsPipe> p) : owner(o), pipe(std::move(p)) {}
    void OnFrame(wire::Frame& frame) override { owner.Serve(*this, frame); }
    void OnClosed(const Error&) override { owner.clients.erase(shared_from_this()); }
    Impl& owner;
    std::shared_ptr<channel::TlsPipe> pipe;
    DoubleSession session;
  };

  Impl(const channel::testing::TestPki& pki, std::shared_ptr<DoubleCluster> c, Options o)
      : cluster(std::move(c)),
        options(std::move(o)),
        inner(pki.InnerServerContext(options.ask_for_client_certificate
                                         ? channel::CertificateCheck([](const crypto::Certificate&) { return true; })
                                         : nullptr)),
        acceptor(loop.get_executor(), Unix::endpoint((directory.path() / "hsm").string())) {
    relay.emplace(pki.OuterServerContext(), directory.path() / "hsm", options.address, options.port);
    asio::co_spawn(loop, Accept(), asio::detached);
    thread = std::thread([this] { loop.run(); });
  }
  ~Impl() {
    Thaw();
    relay.reset();
    On([this] {
      boost::system::error_code ignored;
      acceptor.close(ignored);
      CloseAll();
      loop.stop();
    });
    thread.join();
  }

  void Freeze() {
    std::promise<void> frozen;
    asio::post(loop, [&frozen, until = gate.emplace().get_future().share()] {
      frozen.set_value();
      until.wait();
    });
    frozen.get_future().wait();
  }
  void Thaw() {
    if (gate) gate->set_value();
    gate.reset();
  }

  void On(const std::function<void()>& work) const {
    std::promise<void> done;
    asio::post(loop, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  Task<void> Accept() {
    for (;;) {
      boost::system::error_code ec;
      asio::use_awaitable_t<LoopExecutor> token;
      UnixSocket socket(loop.get_executor());
      auto redirected = asio::redirect_error(token, ec);
      co_await acceptor.async_accept(socket, redirected);
      if (ec) co_return;
      std::vector<channel::TlsContext> layers{inner};
      asio::co_spawn(loop, Welcome(channel::TlsPipe::Server(std::move(socket), std::move(layers))), asio::detached);
    }
  }
  Task<void> Welcome(std::shared_ptr<channel::TlsPipe> pipe) {
    arriving.insert(pipe);
    const Status in = co_await pipe->Handshake(Clock::now() + std::chrono::seconds(60));
    arriving.erase(pipe);
    if (!in.ok()) co_return;
    auto client = std::make_shared<Client>(*this, pipe);
    client->session.front_end = pipe->peer_certificate().has_value();
    clients.insert(client);
    ++ever;
    pipe->Start(*client);
    TellMembership(*client);
  }

  void TellMembership(Client& client) {
    proto::MembershipEvent event;
    {
      const std::lock_guard lock(cluster->mutex);
      for (const proto::Member& member : cluster->members) *event.add_members() = member;
    }
    wire::Frame frame;
    frame.kind = wire::FrameKind::kEvent;
    frame.code = static_cast<std::uint16_t>(wire::Event::kMembership);
    (void)client.pipe->Send(frame, event);
  }

  void Serve(Client& client, wire::Frame& request) {
    const std::shared_ptr<Client> keep = client.shared_from_this();
    if (!request.position.empty()) position_seen = std::max(position_seen, NumberIn(request.position));
    if (request.code == static_cast<std::uint16_t>(wire::Command::kEcho) && request.message.empty()) {
      // Whether we are there: part of no test's plan.
      wire::Frame here;
      here.kind = wire::FrameKind::kReply;
      here.id = request.id;
      (void)client.pipe->Send(here);
      return;
    }
    if (hold) return;
    const auto cut_now = std::exchange(cut, std::nullopt);
    if (cut_now == Cut::kBeforeExecution) return Drop(client);
    const bool fails = fail_count > 0;
    if (fails) --fail_count;
    const bool is_repeat = IsRepeat(request);
    auto result = fails ? Result<DoubleReply>(Error(fail_code, "Told to fail."))
                        : ExecuteOnDouble(*cluster, client.session, request);
    if (!fails && !is_repeat) ++executed[request.code];
    if (cut_now == Cut::kBeforeAnswer) return Drop(client);

    wire::Frame reply;
    reply.kind = wire::FrameKind::kReply;
    reply.id = request.id;
    if (result.ok()) {
      reply.message = std::move(result->message);
      reply.segments = std::move(result->segments);
      const std::lock_guard lock(cluster->mutex);
      if (client.session.told_position != cluster->number) {
        client.session.told_position = cluster->number;
        reply.position = PositionOf(cluster->number);
      }
    } else {
      reply.code = wire::StatusOf(result.error().code());
      proto::Failure failure;
      failure.set_message(result.error().public_message());
      const std::string text = failure.SerializeAsString();
      reply.message = ToBytes(AsBytes(text));
    }
    kept.emplace_back(keep, std::move(reply));
    if (kept.size() < reverse) return;
    std::ranges::reverse(kept);
    for (auto& [to, frame] : kept) (void)to->pipe->Send(frame);
    kept.clear();
  }
  bool IsRepeat(const wire::Frame& request) {
    const std::lock_guard lock(cluster->mutex);
    return request.client_id && cluster->answers.contains(*request.client_id);
  }
  void Drop(Client& client) {
    client.pipe->Close();
    clients.erase(client.shared_from_this());
  }
  void CloseAll() {
    kept.clear();
    for (const auto& client : clients) client->pipe->Close();
    clients.clear();
    const auto unfinished = arriving;  // closing one ends its coroutine, which takes it out of the set
    for (const auto& pipe : unfinished) pipe->Close();
  }

  std::shared_ptr<DoubleCluster> cluster;
  Options options;
  TemporaryDirectory directory;
  mutable Loop loop{1};
  channel::TlsContext inner;
  asio::basic_socket_acceptor<Unix, LoopExecutor> acceptor;
  std::optional<channel::testing::TestRelay> relay;
  std::thread thread;
  std::optional<std::promise<void>> gate;  // while frozen

  // Touched on the loop only.
  std::set<std::shared_ptr<Client>> clients;
  std::set<std::shared_ptr<channel::TlsPipe>> arriving;
  std::vector<std::pair<std::shared_ptr<Client>, wire::Frame>> kept;
  std::size_t reverse = 1, ever = 0, fail_count = 0;
  bool hold = false;
  Errc fail_code = Errc::kInternal;
  std::optional<Cut> cut;
  std::map<std::uint16_t, std::size_t> executed;
  std::uint64_t position_seen = 0;
};

HsmDouble::HsmDouble(const channel::testing::TestPki& pki, std::shared_ptr<DoubleCluster> cluster, Options options)
    : impl_(std::make_unique<Impl>(pki, std::move(cluster), std::move(options))) {}
HsmDouble::HsmDouble(const channel::testing::TestPki& pki, std::shared_ptr<DoubleCluster> cluster)
    : HsmDouble(pki, std::move(cluster), Options()) {}
HsmDouble::~HsmDouble() = default;

Endpoint HsmDouble::endpoint() const { return {impl_->options.address, impl_->relay->port()}; }
proto::Member HsmDouble::member() const {
  proto::Member member;
  member.set_hsm_id(impl_->options.hsm_id);
  member.set_address(impl_->options.address);
  member.set_zone("a");
  return member;
}
channel::testing::TestRelay& HsmDouble::relay() { return *impl_->relay; }

void HsmDouble::PushMembership(const std::vector<proto::Member>& members) {
  impl_->On([&] {
    {
      const std::lock_guard lock(impl_->cluster->mutex);
      impl_->cluster->members = members;
    }
    for (const auto& client : impl_->clients) impl_->TellMembership(*client);
  });
}
void HsmDouble::ReverseReplies(std::size_t count) {
  impl_->On([&] { impl_->reverse = std::max<std::size_t>(count, 1); });
}
void HsmDouble::Hold(bool hold) {
  impl_->On([&] { impl_->hold = hold; });
}
void HsmDouble::Freeze() { impl_->Freeze(); }
void HsmDouble::Thaw() { impl_->Thaw(); }
void HsmDouble::FailNext(Errc code, std::size_t count) {
  impl_->On([&] {
    impl_->fail_code = code;
    impl_->fail_count = count;
  });
}
void HsmDouble::CutNext(Cut when) {
  impl_->On([&] { impl_->cut = when; });
}
void HsmDouble::CutAll() {
  impl_->On([&] { impl_->CloseAll(); });
}

namespace {
template <typename Impl, typename Read>
auto Ask(const Impl& impl, Read read) {
  decltype(read()) value{};
  impl.On([&] { value = read(); });
  return value;
}
}  // namespace

std::size_t HsmDouble::executed(wire::Command command) const {
  return Ask(*impl_, [&]() -> std::size_t {
    const auto it = impl_->executed.find(static_cast<std::uint16_t>(command));
    return it == impl_->executed.end() ? 0 : it->second;
  });
}
std::size_t HsmDouble::connections() const {
  return Ask(*impl_, [&] { return impl_->clients.size(); });
}
std::size_t HsmDouble::connections_ever() const {
  return Ask(*impl_, [&] { return impl_->ever; });
}
std::uint64_t HsmDouble::newest_position_seen() const {
  return Ask(*impl_, [&] { return impl_->position_seen; });
}

ClientTrust TrustFor(const channel::testing::TestPki& pki, bool as_front_end) {
  std::optional<channel::Identity> identity;
  if (as_front_end) identity = channel::testing::MakeSelfSignedIdentity("front end");
  return {pki.OuterClientContext(), pki.InnerClientContext(std::move(identity))};
}

}  // namespace strongroom::hsm_client::testing
