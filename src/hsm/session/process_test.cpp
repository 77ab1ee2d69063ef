// The strongroom-hsm executable itself, started as the host's supervisor starts it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <map>

#include "base/ids.h"
#include "channel/tls_stream.h"
#include "control/link.h"
#include "messages.pb.h"

extern char** environ;

namespace strongroom::hsm {
namespace {

class HsmProcess : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("hsm-process-" + NewUuid());
    std::filesystem::create_directories(directory_ / "state");
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    control_ = ends[0];
    control_child_ = ends[1];
    listening_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{.sun_family = AF_UNIX};
    socket_path_ = (directory_ / "tunnels").string();
    ASSERT_LT(socket_path_.size(), sizeof(address.sun_path));
    socket_path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(listening_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(::listen(listening_, 16), 0);
  }
  void TearDown() override {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    for (const int descriptor : {control_, control_child_, listening_})
      if (descriptor >= 0) ::close(descriptor);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  void Start(const std::string& root_key, const std::string& hsm_id = "hsm-aaaaaaaaaaa") {
    int key[2];
    ASSERT_EQ(::pipe2(key, O_CLOEXEC), 0);
    ASSERT_EQ(::write(key[1], root_key.data(), root_key.size()), static_cast<ssize_t>(root_key.size()));
    ::close(key[1]);
    // Moved well above 5 first: adddup2 of a descriptor onto its own number would leave it close-on-exec.
    const int high_control = ::fcntl(control_child_, F_DUPFD_CLOEXEC, 50);
    const int high_listening = ::fcntl(listening_, F_DUPFD_CLOEXEC, 50);
    const int high_key = ::fcntl(key[0], F_DUPFD_CLOEXEC, 50);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, high_control, 3);
    posix_spawn_file_actions_adddup2(&actions, high_listening, 4);
    posix_spawn_file_actions_adddup2(&actions, high_key, 5);
    log_ = (directory_ / "log").string();
    posix_spawn_file_actions_addopen(&actions, 2, log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    std::vector<std::string> words{STRONGROOM_BIN_DIR "/strongroom-hsm", "--hsm-id",    hsm_id, "--state-dir",
                                   (directory_ / "state").string(),      "--log-level", "debug"};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ASSERT_EQ(::posix_spawn(&child_, words[0].c_str(), &actions, nullptr, arguments.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    for (const int descriptor : {high_control, high_listening, high_key, key[0]}) ::close(descriptor);
    ::close(std::exchange(control_child_, -1));
  }
  /// Exit status, or -1 when a signal ended it.
  int Reap() {
    int status = 0;
    const pid_t child = std::exchange(child_, -1);
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string Log() const {
    std::ifstream in(log_);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  static Task<void> AskStatus(std::shared_ptr<control::Link> link, std::optional<Result<proto::Control>>& answer) {
    proto::Control question;
    question.set_hsm_id("hsm-aaaaaaaaaaa");
    question.mutable_hsm_status();
    answer.emplace(co_await link->Ask(std::move(question), std::chrono::seconds(60)));
  }
  /// Waits until the HSM answers on its control link.
  std::shared_ptr<control::Link> Connect() {
    auto link = control::Link::OverDescriptor(loop_, std::exchange(control_, -1));
    EXPECT_TRUE(link.ok());
    (*link)->Start({});
    std::optional<Result<proto::Control>> answer;
    boost::asio::co_spawn(loop_.get_executor(), AskStatus(*link, answer), boost::asio::detached);
    while (!answer && loop_.run_one_for(std::chrono::seconds(60)) > 0) {
    }
    EXPECT_TRUE(answer && answer->ok()) << Log();
    if (answer && answer->ok()) {
      EXPECT_EQ((**answer).hsm_status().lifecycle(), proto::EMPTY);
    }
    return *link;
  }

  Loop loop_{1};
  std::filesystem::path directory_;
  std::string socket_path_, log_;
  int control_ = -1, control_child_ = -1, listening_ = -1;
  pid_t child_ = -1;
};

const std::string kRootKey(32, 'k');

TEST_F(HsmProcess, ServesUntilItIsToldToStop) {
  Start(kRootKey);
  const auto link = Connect();
  // A tunnel to an HSM of no cluster ends at once.
  const int tunnel = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{.sun_family = AF_UNIX};
  socket_path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::connect(tunnel, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  char byte = 0;
  EXPECT_EQ(::read(tunnel, &byte, 1), 0);
  ::close(tunnel);
  ASSERT_EQ(::kill(child_, SIGTERM), 0);
  EXPECT_EQ(Reap(), 0) << Log();
}

/// The control plane's log, as the HSM reaches it over the link.
struct LogOfTest {
  std::vector<std::string> rows;
  Task<Result<proto::Control>> Answer(proto::Control question) {
    proto::Control answer;
    if (question.has_log_append()) {
      answer.mutable_log_append()->set_head(rows.size());
      if (question.log_append().number() == rows.size() + 1) {
        rows.push_back(question.log_append().record());
      } else {
        Fill(*answer.mutable_log_append()->mutable_rows(), question.log_append().number());
      }
    } else if (question.has_log_read()) {
      answer.mutable_log_read()->set_head(rows.size());
      Fill(*answer.mutable_log_read()->mutable_rows(), question.log_read().from());
    } else if (question.has_snapshot_put()) {
      answer.mutable_snapshot_put();
    } else if (question.has_snapshot_get()) {
      answer.mutable_snapshot_get();
    }
    co_return answer;
  }
  void Fill(google::protobuf::RepeatedPtrField<proto::LogRow>& to, std::uint64_t from) const {
    for (std::uint64_t at = from; at >= 1 && at <= rows.size(); ++at) {
      proto::LogRow& row = *to.Add();
      row.set_number(at);
      row.set_record(rows[at - 1]);
    }
  }
};

Task<void> CreateDomain(std::shared_ptr<control::Link> link, std::string front_end_key,
                        std::optional<Result<proto::Control>>& answer) {
  proto::Control question;
  question.set_hsm_id("hsm-aaaaaaaaaaa");
  auto& create = *question.mutable_create_cluster();
  create.set_cluster_id("cluster-aaaaaaaaaaa");
  create.set_domain(true);
  create.set_fips(true);
  create.mutable_self()->set_hsm_id("hsm-aaaaaaaaaaa");
  create.mutable_self()->set_address("127.0.0.1");
  create.set_front_end_public_key(front_end_key);
  create.set_front_end_name("front end");
  answer.emplace(co_await link->Ask(std::move(question), std::chrono::seconds(120)));
}

struct Replies final : channel::PipeEvents {
  std::map<std::uint64_t, wire::Frame> got;
  bool closed = false;
  void OnFrame(wire::Frame& frame) override { got[frame.id] = std::move(frame); }
  void OnClosed(const Error&) override { closed = true; }
};

Task<void> Shake(std::shared_ptr<channel::TlsPipe> pipe, std::optional<Status>& done) {
  done.emplace(co_await pipe->Handshake(std::chrono::steady_clock::now() + std::chrono::seconds(60)));
}

// What only happens once the sandbox has closed: threads, key generation, TLS, the log's and the audit's files.
TEST_F(HsmProcess, WorksInsideItsSandbox) {
  Start(kRootKey);
  auto made = control::Link::OverDescriptor(loop_, std::exchange(control_, -1));
  ASSERT_TRUE(made.ok());
  const auto link = *made;
  LogOfTest log;
  link->Start([&log](proto::Control question) { return log.Answer(std::move(question)); });
  const auto key = *crypto::PrivateKey::Generate(crypto::KeySpec::kP256);
  std::optional<Result<proto::Control>> created;
  boost::asio::co_spawn(loop_.get_executor(),
                        CreateDomain(link, std::string(AsText(key.public_key().ToSpki())), created),
                        boost::asio::detached);
  while (!created && loop_.run_one_for(std::chrono::seconds(120)) > 0) {
  }
  ASSERT_TRUE(created && created->ok()) << Log();
  const proto::HsmStatus& status = (**created).hsm_status();
  EXPECT_EQ(status.lifecycle(), proto::ACTIVE);
  EXPECT_FALSE(log.rows.empty());

  channel::InnerClientOptions options;
  options.owners.push_back(*crypto::Certificate::FromDer(AsBytes(status.trust_anchor())));
  options.identity = channel::Identity{*crypto::MakeSelfSigned({{"CN", "front end"}}, key, {}), key};
  boost::asio::local::stream_protocol::socket::rebind_executor<LoopExecutor>::other socket(loop_.get_executor());
  socket.connect(boost::asio::local::stream_protocol::endpoint(socket_path_));
  std::vector<channel::TlsContext> layers;
  layers.push_back(*channel::InnerClient(options));
  const auto pipe = channel::TlsPipe::Client(channel::StreamSocket(std::move(socket)), std::move(layers));
  std::optional<Status> shaken;
  boost::asio::co_spawn(loop_.get_executor(), Shake(pipe, shaken), boost::asio::detached);
  while (!shaken && loop_.run_one_for(std::chrono::seconds(60)) > 0) {
  }
  ASSERT_TRUE(shaken && shaken->ok()) << Log();
  Replies replies;
  pipe->Start(replies);
  std::uint64_t id = 0;
  using Text = std::string;
  for (const auto& [spec, usage] : {std::pair<Text, Text>{"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"},
                                    {"RSA_2048", "SIGN_VERIFY"},
                                    {"ECC_NIST_P521", "KEY_AGREEMENT"}}) {
    proto::CreateTokenRequest request;
    request.set_spec(spec);
    std::string& binding = *request.mutable_binding();
    binding.push_back('\1');
    for (const Text& field : {Text("111122223333"), Text("key"), Text("m"), spec, usage})
      binding += static_cast<char>(field.size()) + field;
    wire::Frame frame;
    frame.code = static_cast<std::uint16_t>(wire::Command::kCreateToken);
    frame.id = ++id;
    ASSERT_TRUE(pipe->Send(frame, request).ok());
  }
  const auto answered = [&] { return replies.got.contains(1) && replies.got.contains(2) && replies.got.contains(3); };
  while (!answered() && !replies.closed && loop_.run_one_for(std::chrono::seconds(60)) > 0) {
  }
  ASSERT_TRUE(answered()) << Log();
  for (std::uint64_t at = 1; at <= 3; ++at) EXPECT_EQ(replies.got[at].code, 0) << at;
  pipe->Close();
  ASSERT_EQ(::kill(child_, SIGTERM), 0);
  EXPECT_EQ(Reap(), 0) << Log();
}

TEST_F(HsmProcess, StopsWhenItsHostIsGone) {
  Start(kRootKey);
  const auto link = Connect();
  link->Close(Error(Errc::kCancelled, "gone"));
  while (loop_.poll() > 0) {
  }
  EXPECT_EQ(Reap(), 0) << Log();
}

TEST_F(HsmProcess, RefusesAShortRootKey) {
  Start(kRootKey.substr(1));
  EXPECT_EQ(Reap(), 1);
  EXPECT_NE(Log().find("root key"), std::string::npos) << Log();
}

TEST_F(HsmProcess, RefusesALongRootKey) {
  Start(kRootKey + "x");
  EXPECT_EQ(Reap(), 1);
  EXPECT_EQ(Log().find("kkkk"), std::string::npos) << "a key is never printed";
}

}  // namespace
}  // namespace strongroom::hsm
