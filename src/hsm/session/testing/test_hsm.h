#pragma once

// An HSM in one process for tests: a real replica over a log in memory, and sessions without TLS.

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "cluster.pb.h"
#include "crypto/certificate.h"
#include "crypto/random.h"
#include "hsm/replica/identity.h"
#include "hsm/replica/replica.h"
#include "hsm/session/engine.h"
#include "hsm/session/session.h"
#include "secret/peek_for_tests.h"
#include "wire/key_token.h"
#include "wire/status.h"

namespace strongroom::hsm::testing {

/// The binding of a key token of the tests' account.
inline std::string BindingOf(std::string_view spec, std::string_view usage = "ENCRYPT_DECRYPT",
                             std::string_view key = "key-1") {
  return std::string(AsText(wire::Encode(wire::KeyTokenBinding{"111122223333", key, "material", spec, usage})));
}

/// The cluster log and its snapshots in memory; `away` makes it unreachable.
class MemoryStore final : public replica::StoreLink {
 public:
  bool away = false;
  std::vector<Bytes> rows;

  Task<replica::Offer> Append(std::string, std::uint64_t number, Bytes prev_hash, Bytes record) override {
    replica::Offer offer;
    const bool other_history =
        number == rows.size() + 1 && !rows.empty() && ToBytes(crypto::Sha256(rows.back())) != prev_hash;
    if (away || other_history) {
      offer.outcome = replica::Offer::Outcome::kNotOffered;
      offer.why = "away, or of another history";
    } else if (number == rows.size() + 1) {
      rows.push_back(std::move(record));
      offer.outcome = replica::Offer::Outcome::kAppended;
    } else if (number <= rows.size() && rows[number - 1] == record) {
      offer.outcome = replica::Offer::Outcome::kAppended;
    } else {
      offer.outcome = replica::Offer::Outcome::kLost;
      offer.rows = From(number);
    }
    co_return offer;
  }
  Task<Result<replica::Rows>> Read(std::string, std::uint64_t from) override {
    if (away) co_return Error(Errc::kUnavailable, "away");
    replica::Rows answer;
    answer.rows = From(from);
    answer.head = rows.size();
    co_return answer;
  }
  Task<Status> PutSnapshot(std::string, std::uint64_t number, std::string, std::string, Bytes data) override {
    if (away) co_return Error(Errc::kUnavailable, "away");
    snapshot_.number = number;
    snapshot_.data = std::move(data);
    co_return Status{};
  }
  Task<Result<replica::StoredSnapshot>> GetSnapshot(std::string) override {
    if (away) co_return Error(Errc::kUnavailable, "away");
    co_return snapshot_;
  }

 private:
  std::vector<replica::StoredRecord> From(std::uint64_t number) const {
    std::vector<replica::StoredRecord> found;
    for (std::uint64_t at = std::max<std::uint64_t>(number, 1); at <= rows.size(); ++at)
      found.push_back({at, rows[at - 1]});
    return found;
  }
  replica::StoredSnapshot snapshot_;
};

/// A connection's far end: keeps what the session sends.
struct TestClient final : ReplySink {
  std::shared_ptr<Session> session;
  std::map<std::uint64_t, wire::Frame> replies;
  std::size_t events = 0;
  bool closed = false;
  std::uint64_t next_id = 1;
  Bytes position;         // the newest the client has seen, sent along when set
  std::string all_bytes;  // of everything but secret segments

  Status Send(const wire::Frame& frame, const google::protobuf::MessageLite* message) override {
    wire::Frame copy;
    copy.kind = frame.kind;
    copy.code = frame.code;
    copy.id = frame.id;
    copy.position = frame.position;
    copy.message = message != nullptr ? Serialised(*message) : frame.message;
    for (const SecretBuffer& segment : frame.segments) {
      auto cloned = segment.Clone();
      if (!cloned) return std::move(cloned).error();
      copy.segments.push_back(std::move(*cloned));
    }
    all_bytes += AsText(copy.message);
    if (frame.kind == wire::FrameKind::kEvent)
      ++events;
    else
      replies[frame.id] = std::move(copy);
    return {};
  }
  void Close() override { closed = true; }
  ~TestClient() {
    if (session) session->Detach();
  }
};

inline SecretBuffer Secret(std::string_view text) {
  auto made = SecretBuffer::CopyOf(AsBytes(text));
  EXPECT_TRUE(made.ok());
  return std::move(*made);
}

class TestHsm {
 public:
  enum class Kind { kCustomer, kDomain };

  explicit TestHsm(Kind kind, EngineOptions options = {}) : kind_(kind), options_(std::move(options)) {
    directory_ = std::filesystem::temp_directory_path() / ("hsm-test-" + NewUuid());
    std::filesystem::create_directories(directory_);
    auto root_key = crypto::RandomSecret(32);
    root_key_ = Share(std::move(*root_key));
    Start();
  }
  ~TestHsm() {
    End();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  /// As a crash and another start on the same disk; clients have lost their connections before.
  void Restart() {
    End();
    Start();
  }
  std::function<bool(replica::Step)> die_at;  // see ReplicaOptions

  void Start() {
    replica::ReplicaOptions replica_options;
    replica_options.directory = directory_;
    replica_options.hsm_id = "hsm-aaaaaaaaaaa";
    replica_options.root_key = root_key_;
    replica_options.die_at = [this](replica::Step step) { return die_at && die_at(step); };
    replica_options.now_millis = &Now;
    replica_options.poll = std::chrono::milliseconds(20);
    replica_options.negative_answers_at_most_every = std::chrono::milliseconds(0);
    auto opened = replica::Replica::Open(loop, store, std::move(replica_options));
    if (!opened) throw std::runtime_error(opened.error().ForLog());
    replica = std::move(*opened);
    replica->Start();
    auto log = AuditLog::Open(directory_, &Now);
    if (!log) throw std::runtime_error(log.error().ForLog());
    audit.emplace(std::move(*log));
    EngineOptions options = options_;
    options.now_millis = &Now;
    options.login_pause = std::chrono::milliseconds(0);
    options.stock = {.rsa2048 = 1, .rsa3072 = 0, .rsa4096 = 0};
    engine.emplace(loop, *replica, *audit, std::move(options));
  }
  void End() {
    engine->passwords.Stop();
    engine->crypto.Stop();
    engine->pairs.Stop();
    engine->sessions.CloseAll(Error(Errc::kCancelled, "The test ends."));
    for (int i = 0; i < 1000 && loop.poll() > 0; ++i) loop.restart();
    engine.reset();
    replica.reset();
    audit.reset();
  }

  static std::int64_t Now() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }

  /// Runs the loop until the task has ended.
  template <typename T>
  T Await(Task<T> task) {
    std::optional<T> answer;
    boost::asio::co_spawn(loop.get_executor(), Into(std::move(task), answer), boost::asio::detached);
    RunUntil([&answer] { return answer.has_value(); });
    return std::move(*answer);
  }
  template <typename Done>
  void RunUntil(Done done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (!done()) {
      loop.restart();
      if (loop.run_one_for(std::chrono::milliseconds(500)) == 0 && std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error("nothing happens");
    }
  }

  /// A cluster with its certificate. Customer: still with PRECO. Domain: with an enrolled front end.
  void CreateCluster() {
    proto::CreateCluster request;
    request.set_cluster_id("cluster-aaaaaaaaaaa");
    request.set_domain(kind_ == Kind::kDomain);
    request.set_fips(true);
    request.mutable_self()->set_hsm_id("hsm-aaaaaaaaaaa");
    request.mutable_self()->set_address("127.0.0.1");
    request.mutable_self()->set_zone("us-east-1a");
    if (kind_ == Kind::kDomain) {
      auto key = crypto::PrivateKey::Generate(crypto::KeySpec::kP256);
      front_end_key = key->public_key().ToSpki();
      front_end_private.emplace(*key);
      request.set_front_end_public_key(std::string(AsText(front_end_key)));
      request.set_front_end_name("front end");
    } else {
      Certify();
    }
    auto created = Await(replica->CreateCluster(std::move(request)));
    ASSERT_TRUE(created.ok()) << created.error();
    if (kind_ == Kind::kCustomer) InstallCertificate();
  }

  /// Activated, with a second officer and two crypto users; everyone's password is "password-<name>".
  void Activate() {
    CreateCluster();
    auto preco = Connect();
    ASSERT_EQ(LogIn(*preco, proto::PRECO, "admin", "password"), Errc::kCount_);
    proto::ChangePasswordRequest change;
    change.set_type(proto::PRECO);
    change.set_name("admin");
    ASSERT_EQ(CodeOf(Call(*preco, wire::Command::kChangePassword, change, "password-admin")), Errc::kCount_);
    AddUser(*preco, proto::CO, "officer");
    AddUser(*preco, proto::CU, "alice");
    AddUser(*preco, proto::CU, "bob");
  }
  void AddUser(TestClient& officer, proto::UserType type, const std::string& name) {
    proto::CreateUserRequest create;
    create.set_type(type);
    create.set_name(name);
    ASSERT_EQ(CodeOf(Call(officer, wire::Command::kCreateUser, create, "password-" + name)), Errc::kCount_);
  }

  std::unique_ptr<TestClient> Connect(Bytes key = {}) {
    auto client = std::make_unique<TestClient>();
    client->session = Session::Make(*engine, *client, std::move(key));
    return client;
  }
  std::unique_ptr<TestClient> ConnectAs(proto::UserType type, const std::string& name, std::string_view instance = {}) {
    auto client = Connect();
    EXPECT_EQ(LogIn(*client, type, name, "password-" + name, instance), Errc::kCount_) << name;
    return client;
  }
  std::unique_ptr<TestClient> ConnectFrontEnd() { return Connect(front_end_key); }

  /// kCount_ stands for success.
  Errc LogIn(TestClient& client, proto::UserType type, const std::string& name, std::string_view password,
             std::string_view instance = {}) {
    proto::LoginRequest request;
    request.set_type(type);
    request.set_name(name);
    request.set_client_instance(std::string(instance));
    return CodeOf(Call(client, wire::Command::kLogin, request, password));
  }
  static Errc CodeOf(const wire::Frame& reply) { return reply.code == 0 ? Errc::kCount_ : wire::ErrcOf(reply.code); }

  std::uint64_t Post(TestClient& client, wire::Command command, const google::protobuf::MessageLite& message,
                     std::optional<std::string_view> secret = std::nullopt,
                     std::optional<wire::ClientId> client_id = std::nullopt) {
    wire::Frame frame;
    frame.code = static_cast<std::uint16_t>(command);
    frame.id = client.next_id++;
    frame.position = client.position;
    frame.message = Serialised(message);
    if (secret) frame.segments.push_back(Secret(*secret));
    const wire::CommandRow* row = wire::FindCommand(frame.code);
    if (client_id) {
      frame.client_id = client_id;
    } else if (row != nullptr && row->repeat == wire::Repeat::kDeduplicated) {
      EXPECT_TRUE(crypto::Random(frame.client_id.emplace()).ok());
    }
    const std::uint64_t id = frame.id;
    client.session->OnFrame(frame);
    return id;
  }
  const wire::Frame& Wait(TestClient& client, std::uint64_t id) {
    RunUntil([&] { return client.replies.contains(id); });
    return client.replies.at(id);
  }
  const wire::Frame& Call(TestClient& client, wire::Command command, const google::protobuf::MessageLite& message,
                          std::optional<std::string_view> secret = std::nullopt,
                          std::optional<wire::ClientId> client_id = std::nullopt) {
    return Wait(client, Post(client, command, message, secret, client_id));
  }
  template <typename Reply>
  static Reply Parsed(const wire::Frame& frame) {
    Reply reply;
    EXPECT_EQ(frame.code, 0);
    EXPECT_TRUE(wire::ParseMessage(frame, reply).ok());
    return reply;
  }

  Loop loop{1};
  MemoryStore store;
  std::unique_ptr<replica::Replica> replica;
  std::optional<AuditLog> audit;
  std::optional<Engine> engine;
  Bytes front_end_key;
  std::optional<crypto::PrivateKey> front_end_private;
  std::optional<crypto::Certificate> owner;  // the customer's CA
  std::optional<crypto::PrivateKey> owner_key;

  /// A challenge for an officer, signed by the owner.
  proto::RecoverOfficerRequest SignedRecovery(const std::string& name) {
    auto client = Connect();
    proto::ChallengeOwnerRequest ask;
    ask.set_name(name);
    const auto reply = Parsed<proto::ChallengeOwnerReply>(Call(*client, wire::Command::kChallengeOwner, ask));
    const auto signature =
        owner_key->Sign(crypto::SignatureScheme::kPkcs1Sha256, crypto::MessageForm::kRaw, AsBytes(reply.challenge()));
    EXPECT_TRUE(signature.ok());
    proto::RecoverOfficerRequest request;
    request.set_name(name);
    request.set_challenge(reply.challenge());
    request.set_signature(std::string(AsText(*signature)));
    return request;
  }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  template <typename T>
  static Task<void> Into(Task<T> task, std::optional<T>& answer) {
    answer.emplace(co_await std::move(task));
  }

  /// Hardware certificates under roots of the test's own.
  void Certify() {
    replica::Identity domain;
    domain.domain = true;
    const auto root = [](const char* name, SharedSecret& key, Bytes& certificate) {
      auto pair = crypto::PrivateKey::Generate(crypto::KeySpec::kRsa2048);
      crypto::CertificateOptions options;
      options.ca = true;
      options.days = 7400;
      certificate = crypto::MakeSelfSigned({{"CN", name}}, *pair, options)->ToDer();
      key = Share(std::move(*pair->ToPkcs8()));
    };
    root("manufacturer", domain.manufacturer_key, domain.manufacturer_root);
    root("hardware", domain.aws_root_key, domain.aws_root);
    auto csr = Await(replica->DeviceRequest());
    ASSERT_TRUE(csr.ok()) << csr.error();
    auto certified = replica::CertifyDevice(domain, *csr);
    ASSERT_TRUE(certified.ok()) << certified.error();
    proto::InstallDevice install;
    install.set_aws_hardware_certificate(certified->aws_hardware_certificate());
    install.set_manufacturer_hardware_certificate(certified->manufacturer_hardware_certificate());
    install.set_aws_root(std::string(AsText(domain.aws_root)));
    install.set_manufacturer_root(std::string(AsText(domain.manufacturer_root)));
    auto installed = Await(replica->InstallDevice(std::move(install)));
    ASSERT_TRUE(installed.ok()) << installed.error();
  }
  void InstallCertificate() {
    auto key = crypto::PrivateKey::Generate(crypto::KeySpec::kRsa2048);
    owner.emplace(*crypto::MakeSelfSigned({{"CN", "CloudHSMClusterCA"}}, *key, {.ca = true}));
    auto request = crypto::ParseCsr(replica::CsrDerToPem(replica->state().identity().csr));
    ASSERT_TRUE(request.ok()) << request.error();
    auto spki = crypto::PublicKey::FromSpki(request->public_key_spki);
    auto certificate = crypto::Issue(request->subject.entries, *spki, *owner, *key, {});
    ASSERT_TRUE(certificate.ok()) << certificate.error();
    proto::InstallClusterCertificate install;
    install.set_certificate(std::string(AsText(certificate->ToDer())));
    install.set_trust_anchor(std::string(AsText(owner->ToDer())));
    owner_key.emplace(*key);
    auto installed = Await(replica->InstallClusterCertificate(std::move(install)));
    ASSERT_TRUE(installed.ok()) << installed.error();
  }

  Kind kind_;
  EngineOptions options_;
  SharedSecret root_key_;
  std::filesystem::path directory_;
};

}  // namespace strongroom::hsm::testing
