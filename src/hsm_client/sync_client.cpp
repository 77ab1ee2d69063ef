#include "hsm_client/sync_client.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>

namespace strongroom::hsm_client {
namespace asio = boost::asio;
namespace {

/// A loop with a thread of its own on which blocking callers run coroutines.
class OwnLoop {
 public:
  OwnLoop() : work_(loop_.get_executor()), thread_([this] { loop_.run(); }) {}
  ~OwnLoop() {
    work_.reset();
    loop_.stop();
    thread_.join();
  }
  Loop& loop() noexcept { return loop_; }

  /// The task's value. `task` may refer to what the caller keeps until this returns.
  template <typename T>
  T Run(Task<T> task) {
    std::promise<T> promise;
    auto future = promise.get_future();
    asio::co_spawn(loop_, Deliver(std::move(task), promise), asio::detached);
    return future.get();
  }
  /// Runs `work` on the loop and waits for it.
  template <typename Work>
  void On(Work work) {
    std::promise<void> done;
    asio::post(loop_, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

 private:
  template <typename T>
  static Task<void> Deliver(Task<T> task, std::promise<T>& promise) {
    T value = co_await std::move(task);
    promise.set_value(std::move(value));
  }

  Loop loop_{1};
  asio::executor_work_guard<LoopExecutor> work_;
  std::thread thread_;
};

}  // namespace

struct SyncConnection::Impl {
  OwnLoop own;
  std::shared_ptr<HsmConnection> connection;
  std::vector<proto::Member> members;  // touched on the loop
};

SyncConnection::SyncConnection(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}

SyncConnection::~SyncConnection() {
  impl_->own.On([this] {
    impl_->connection->Close();
    impl_->connection.reset();
  });
}

Result<std::unique_ptr<SyncConnection>> SyncConnection::Open(Endpoint endpoint, ClientTrust trust,
                                                             std::chrono::milliseconds timeout) {
  auto impl = std::make_unique<Impl>();
  SR_TRY(impl->connection,
         impl->own.Run(HsmConnection::Open(std::move(endpoint), std::move(trust), Clock::now() + timeout)));
  impl->own.On([raw = impl.get()] {
    raw->connection->OnMembership([raw](const proto::MembershipEvent& event) {
      raw->members.assign(event.members().begin(), event.members().end());
    });
  });
  return std::unique_ptr<SyncConnection>(new SyncConnection(std::move(impl)));
}

Result<wire::Frame> SyncConnection::Call(wire::Command command, const google::protobuf::MessageLite& request,
                                         std::vector<SecretBuffer> segments, CallOptions options) {
  return impl_->own.Run(impl_->connection->Call(command, request, std::move(segments), options));
}

Result<proto::UserInfo> SyncConnection::Login(proto::UserType type, std::string name, SecretBuffer password) {
  return impl_->own.Run(impl_->connection->Login(type, std::move(name), std::move(password)));
}

Status SyncConnection::Logout() { return impl_->own.Run(impl_->connection->Logout()); }

bool SyncConnection::open() const {
  bool open = false;
  impl_->own.On([&] { open = impl_->connection->open(); });
  return open;
}

std::vector<proto::Member> SyncConnection::Members() const {
  std::vector<proto::Member> members;
  impl_->own.On([&] { members = impl_->members; });
  return members;
}

struct SyncClient::Impl {
  OwnLoop own;
  std::shared_ptr<ClusterClient> cluster;
};

SyncClient::SyncClient(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}

SyncClient::~SyncClient() {
  impl_->cluster->Close();
  impl_->own.On([] {});  // after what Close has posted
}

std::unique_ptr<SyncClient> SyncClient::Create(ClientTrust trust, ClusterOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->cluster = ClusterClient::Create({&impl->own.loop()}, std::move(trust), std::move(options));
  return std::unique_ptr<SyncClient>(new SyncClient(std::move(impl)));
}

Result<wire::Frame> SyncClient::Call(wire::Command command, const google::protobuf::MessageLite& request,
                                     std::vector<SecretBuffer> segments) {
  return impl_->own.Run(impl_->cluster->Call(command, request, std::move(segments)));
}

Status SyncClient::Probe(std::chrono::milliseconds timeout) {
  return impl_->own.Run(impl_->cluster->Probe(Clock::now() + timeout));
}

ClusterClient& SyncClient::cluster() { return *impl_->cluster; }

}  // namespace strongroom::hsm_client
