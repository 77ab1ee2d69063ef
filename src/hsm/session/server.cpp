#include "hsm/session/server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/log.h"
#include "crypto/key_pair.h"
#include "hsm/session/session.h"

namespace strongroom::hsm {
namespace {

/// Joins one pipe to one session and keeps both while the connection lasts.
class Connection final : public channel::PipeEvents, public ReplySink, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<channel::TlsPipe> pipe, std::size_t& connections)
      : pipe_(std::move(pipe)), connections_(connections) {}
  ~Connection() { --connections_; }

  void Begin(Engine& engine, Bytes front_end_key) {
    self_ = shared_from_this();
    session_ = Session::Make(engine, *this, std::move(front_end_key));
    session_->SendMembership();
    if (session_) pipe_->Start(*this);
  }

  void OnFrame(wire::Frame& frame) override {
    const auto session = session_;  // it may close the connection, which drops it
    if (session) session->OnFrame(frame);
  }
  void OnClosed(const Error& why) override {
    log::Debug("a connection ended: {}", why.public_message());
    const auto alive = std::move(self_);
    if (session_) session_->Detach();
    session_.reset();
  }
  Status Send(const wire::Frame& frame, const google::protobuf::MessageLite* message) override {
    return message != nullptr ? pipe_->Send(frame, *message) : pipe_->Send(frame);
  }
  void Close() override {
    const auto alive = std::move(self_);
    session_.reset();
    pipe_->Close();
  }

 private:
  std::shared_ptr<channel::TlsPipe> pipe_;
  std::size_t& connections_;
  std::shared_ptr<Session> session_;
  std::shared_ptr<Connection> self_;  // until the connection ends
};

}  // namespace

Status Server::Listen(int descriptor) {
  acceptor_ = std::make_shared<Acceptor>(engine_.loop.get_executor());
  boost::system::error_code error;
  acceptor_->assign(boost::asio::local::stream_protocol(), descriptor, error);
  if (error)
    return Error(Errc::kInvalidArgument, "The inherited socket is not one that listens.").WithDetail(error.message());
  boost::asio::co_spawn(engine_.loop.get_executor(), Accept(acceptor_, this), boost::asio::detached);
  turns_ = std::make_shared<Timer>(engine_.loop.get_executor());
  boost::asio::co_spawn(engine_.loop.get_executor(), TurnVault(acceptor_, turns_, this), boost::asio::detached);
  return {};
}

void Server::Stop() {
  boost::system::error_code ignored;
  if (acceptor_) acceptor_->close(ignored);
  if (turns_) turns_->cancel();
  engine_.sessions.CloseAll(Error(Errc::kCancelled, "The HSM is stopping."));
}

Task<void> Server::TurnVault(std::shared_ptr<Acceptor> acceptor, std::shared_ptr<Timer> timer, Server* self) {
  while (acceptor->is_open()) {
    timer->expires_after(Vault::kTurn);
    (void)co_await timer->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable_t<LoopExecutor>{}));
    if (!acceptor->is_open()) co_return;
    self->engine_.vault.NextTurn(self->engine_.state());
  }
}

Task<void> Server::Accept(std::shared_ptr<Acceptor> acceptor, Server* self) {
  for (;;) {
    boost::asio::local::stream_protocol::socket::rebind_executor<LoopExecutor>::other socket(
        self->engine_.loop.get_executor());
    auto [error] =
        co_await acceptor->async_accept(socket, boost::asio::as_tuple(boost::asio::use_awaitable_t<LoopExecutor>{}));
    if (!acceptor->is_open()) co_return;
    if (error) {
      // Out of descriptors, say: the next tunnel may find some again.
      log::Warn("accepting a tunnel: {}", error.message());
      Timer pause(self->engine_.loop.get_executor(), std::chrono::milliseconds(50));
      (void)co_await pause.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable_t<LoopExecutor>{}));
      continue;
    }
    self->Serve(channel::StreamSocket(std::move(socket)));
  }
}

Result<channel::TlsContext> Server::CurrentContext() {
  const replica::Identity& identity = engine_.state().identity();
  if (!engine_.replica.serving() || identity.cluster_certificate.empty() || !identity.cluster_key)
    return Error(Errc::kInvalidState, "The cluster has no certificate yet.");
  if (context_ && context_certificate_ == identity.cluster_certificate) return *context_;
  SR_TRY(crypto::Certificate certificate, crypto::Certificate::FromDer(identity.cluster_certificate));
  SR_TRY(crypto::PrivateKey key, crypto::PrivateKey::FromPkcs8(*identity.cluster_key));
  channel::InnerServerOptions options{.identity = {std::move(certificate), std::move(key)},
                                      .client_check = [&engine = engine_](const crypto::Certificate& client) {
                                        return engine.state().front_ends().contains(client.public_key_spki());
                                      }};
  SR_TRY(context_, channel::InnerServer(options));
  context_certificate_ = identity.cluster_certificate;
  return *context_;
}

void Server::Serve(channel::StreamSocket socket) {
  if (connections_ >= options_.max_sessions) {
    log::Warn("a tunnel is closed at once: {} connections are open", connections_);
    return;
  }
  auto context = CurrentContext();
  if (!context) {
    log::Info("a tunnel is closed at once: {}", context.error().public_message());
    return;
  }
  boost::asio::co_spawn(engine_.loop.get_executor(), Run(this, std::move(socket), std::move(*context)),
                        boost::asio::detached);
}

Task<void> Server::Run(Server* self, channel::StreamSocket socket, channel::TlsContext context) {
  std::vector<channel::TlsContext> layers;
  layers.push_back(std::move(context));
  auto pipe = channel::TlsPipe::Server(std::move(socket), std::move(layers), self->options_.pipe);
  ++self->connections_;
  auto connection = std::make_shared<Connection>(pipe, self->connections_);
  const auto deadline = std::chrono::steady_clock::now() + self->options_.handshake_deadline;
  const Status shaken = co_await pipe->Handshake(deadline);
  if (!shaken) {
    log::Info("an inner handshake failed: {}", shaken.error().ForLog());
    co_return;
  }
  if (!self->engine_.replica.serving()) {
    pipe->Close();
    co_return;
  }
  Bytes front_end_key;
  if (pipe->peer_certificate()) front_end_key = pipe->peer_certificate()->public_key_spki();
  connection->Begin(self->engine_, std::move(front_end_key));
}

}  // namespace strongroom::hsm
