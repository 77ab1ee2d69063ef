#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <random>

#include "base/testing/temporary_directory.h"
#include "hsm_host/testing/host_fixture.h"

namespace strongroom::hsm_host::testing {
namespace net = boost::asio;
namespace fs = std::filesystem;

void CopyPreparedHost(const fs::path& root) {
  static const TemporaryDirectory prepared;
  static const Status made = InitHostDirectory(prepared.path() / "host");
  ASSERT_TRUE(made.ok()) << made.error();
  fs::copy(prepared.path() / "host", root, fs::copy_options::recursive);
  fs::permissions(root, fs::perms::owner_all);
}

CommandResult RunCommand(const std::string& command) {
  CommandResult result;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "re");
  if (pipe == nullptr) return result;
  char room[4096];
  for (std::size_t got = 0; (got = ::fread(room, 1, sizeof room, pipe)) > 0;) result.output.append(room, got);
  const int status = ::pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

UniqueFd ConnectTcp(const std::string& address, std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &to.sin_addr);
  const timeval patience{30, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return UniqueFd();
  return fd;
}

std::string ReadToEnd(int fd) {
  std::string all;
  char room[4096];
  for (ssize_t got = 0; (got = ::recv(fd, room, sizeof room, 0)) > 0;) all.append(room, static_cast<std::size_t>(got));
  return all;
}

TlsClient::TlsClient(const std::string& address, std::uint16_t port, const channel::TlsContext& tls)
    : fd_(ConnectTcp(address, port)), ssl_(SSL_new(tls.native())) {
  if (!fd_) return;
  SSL_set_fd(ssl_, fd_.get());
  connected_ = SSL_connect(ssl_) == 1;
}
TlsClient::~TlsClient() { SSL_free(ssl_); }

bool TlsClient::Write(const std::string& bytes) {
  return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size());
}

std::string TlsClient::Read(std::size_t bytes) {
  std::string all(bytes, '\0');
  std::size_t have = 0;
  while (have < bytes) {
    const int got = SSL_read(ssl_, all.data() + have, static_cast<int>(bytes - have));
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  all.resize(have);
  return all;
}

std::string TlsClient::Exchange(const std::string& bytes) {
  ::fcntl(fd_.get(), F_SETFL, O_NONBLOCK);
  SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  std::string back;
  std::size_t sent = 0;
  std::vector<char> room(65536);
  while (sent < bytes.size() || back.size() < bytes.size()) {
    bool moved = false;
    if (sent < bytes.size()) {
      const int wrote =
          SSL_write(ssl_, bytes.data() + sent, static_cast<int>(std::min<std::size_t>(bytes.size() - sent, 65536)));
      if (wrote > 0) sent += static_cast<std::size_t>(wrote);
      moved = wrote > 0;
    }
    const int got = SSL_read(ssl_, room.data(), static_cast<int>(room.size()));
    if (got > 0)
      back.append(room.data(), static_cast<std::size_t>(got));
    else if (SSL_get_error(ssl_, got) != SSL_ERROR_WANT_READ)
      break;
    if (moved || got > 0) continue;
    pollfd wait{fd_.get(), static_cast<short>(POLLIN | (sent < bytes.size() ? POLLOUT : 0)), 0};
    if (::poll(&wait, 1, 30000) <= 0) break;
  }
  ::fcntl(fd_.get(), F_SETFL, 0);
  return back;
}

std::size_t TlsClient::WriteUntilFull(std::size_t at_most) {
  ::fcntl(fd_.get(), F_SETFL, O_NONBLOCK);
  SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  const std::string chunk(16384, 'w');
  std::size_t sent = 0;
  while (sent < at_most) {
    const int wrote = SSL_write(ssl_, chunk.data(), static_cast<int>(chunk.size()));
    if (wrote > 0) {
      sent += static_cast<std::size_t>(wrote);
      continue;
    }
    pollfd wait{fd_.get(), POLLOUT, 0};
    if (SSL_get_error(ssl_, wrote) != SSL_ERROR_WANT_WRITE || ::poll(&wait, 1, 300) <= 0) break;
  }
  return sent;
}

void TlsClient::ShutdownSending() { SSL_shutdown(ssl_); }

HostFixture::HostFixture() : root_(temporary_.path() / "host") {
  std::random_device random;
  network_ = "127." + std::to_string(64 + random() % 128) + "." + std::to_string(1 + random() % 250) + ".";
  CopyPreparedHost(root_);
}

HostFixture::~HostFixture() {
  if (host_ != 0) EndHost(SIGTERM);
  loop_.restart();
  loop_.poll();
}

void HostFixture::StartHost() {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const fs::path bin = STRONGROOM_BIN_DIR;
  host_ = ::fork();
  ASSERT_GE(host_, 0);
  if (host_ == 0) {
    const int ready = ::fcntl(writing.get(), F_DUPFD, 40);  // without close-on-exec
    ::execl((bin / "strongroom-hsm-host").c_str(), "strongroom-hsm-host", "--data", root_.c_str(), "--address",
            (network_ + "1").c_str(), "--hsm-program", (bin / "strongroom-fake-hsm").c_str(), "--ready-fd",
            std::to_string(ready).c_str(), "--die-with-parent", "--root-key", "file", nullptr);
    ::_exit(127);
  }
  writing.Reset();
  char line[16];
  ASSERT_GT(::read(reading.get(), line, sizeof line), 0) << "the host did not start";
}

int HostFixture::EndHost(int signal) {
  ::kill(host_, signal);
  int status = 0;
  ::waitpid(std::exchange(host_, 0), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::unique_ptr<HostFixture::FrontEnd> HostFixture::ConnectFrontEnd(const std::string& name, int number, bool wait) {
  const fs::path certificate = temporary_.path() / (name + ".crt"), key = temporary_.path() / (name + ".key");
  if (!fs::exists(certificate)) {
    EXPECT_TRUE(MakeControlIdentity(certificate, key, name).ok());
  }
  auto identity = channel::LoadIdentity(certificate, key);
  EXPECT_TRUE(identity.ok());
  if (wait) {
    EXPECT_TRUE(AllowFrontEnd(root_, name, identity->certificate).ok());
  }
  auto host = channel::LoadCertificate(HostDirectory{root_}.control_certificate());
  channel::ControlOptions control{*identity, {*host}};
  auto tls = channel::ControlClient(control);
  EXPECT_TRUE(tls.ok());
  auto made = std::make_unique<FrontEnd>();
  FrontEnd* front_end = made.get();
  control::HostLinkOptions options{network_ + "1", *tls};
  options.longest_pause = std::chrono::milliseconds(300);
  control::HostLinkEvents events;
  events.on_question = [this, front_end, number](proto::Control question) -> Task<Result<proto::Control>> {
    front_end->questions.push_back(question);
    if (!front_end->answers) {
      net::basic_waitable_timer<std::chrono::steady_clock, net::wait_traits<std::chrono::steady_clock>, LoopExecutor>
          never(loop_, std::chrono::hours(1));
      auto token = net::as_tuple(net::use_awaitable_t<LoopExecutor>{});
      co_await never.async_wait(token);
    }
    proto::Control answer;
    answer.mutable_log_read()->set_head(static_cast<std::uint64_t>(number));
    answer.mutable_log_read()->set_cluster_id(question.log_read().cluster_id());
    co_return answer;
  };
  events.on_notice = [front_end](proto::Control notice) { front_end->notices.push_back(std::move(notice)); };
  made->link = std::make_unique<control::HostLink>(loop_, std::move(options), std::move(events));
  made->link->Start();
  if (wait) {
    // TLS 1.3 lets a client think it is connected before it is refused, so an answer is what counts.
    RunUntil([&] {
      return front_end->link->connected() && Ask(*front_end, "",
                                                 [] {
                                                   proto::Control hello;
                                                   hello.mutable_host_hello();
                                                   return hello;
                                                 }())
                                                 .ok();
    });
  }
  return made;
}

void HostFixture::StopFrontEnd(std::unique_ptr<FrontEnd> front_end) {
  front_end->link->Stop();
  RunUntil([&] { return !front_end->link->connected(); });
}

namespace {
Task<void> Keep(Task<Result<proto::Control>> task, std::optional<Result<proto::Control>>& out) {
  out.emplace(co_await std::move(task));
}
}  // namespace

Result<proto::Control> HostFixture::Ask(FrontEnd& via, const std::string& hsm_id, proto::Control question) {
  std::optional<Result<proto::Control>> out;
  auto work = Keep(via.link->Ask(hsm_id, std::move(question), std::chrono::seconds(30)), out);
  net::co_spawn(loop_, std::move(work), net::detached);
  RunUntil([&] { return out.has_value(); });
  return std::move(*out);
}

Status HostFixture::StartHsm(FrontEnd& via, const std::string& hsm_id, const std::string& address) {
  proto::Control question;
  question.mutable_start_hsm()->set_hsm_id(hsm_id);
  question.mutable_start_hsm()->set_cluster_id("cluster-test");
  question.mutable_start_hsm()->set_address(address);
  question.mutable_start_hsm()->set_zone("a");
  auto answer = Ask(via, "", std::move(question));
  if (!answer.ok()) return std::move(answer).error();
  return {};
}

proto::HsmStatus HostFixture::Status_(FrontEnd& via, const std::string& hsm_id) {
  std::optional<proto::HsmStatus> status;
  RunUntil([&] {
    proto::Control question;
    question.mutable_hsm_status();
    auto answer = Ask(via, hsm_id, std::move(question));
    if (answer.ok()) status = answer->hsm_status();
    return status.has_value();
  });
  return status.value_or(proto::HsmStatus());
}

proto::RunningHsm HostFixture::Listed(FrontEnd& via, const std::string& hsm_id) {
  proto::Control question;
  question.mutable_list_hsms();
  const auto answer = Ask(via, "", std::move(question));
  EXPECT_TRUE(answer.ok());
  if (answer.ok())
    for (const auto& hsm : answer->list_hsms().hsms())
      if (hsm.hsm_id() == hsm_id) return hsm;
  return {};
}

channel::Identity HostFixture::DefaultClient() {
  const HostDirectory files{root_};
  auto identity = channel::LoadIdentity(files.client_certificate(), files.client_key());
  EXPECT_TRUE(identity.ok());
  return *identity;
}

channel::TlsContext HostFixture::ClientTls(std::optional<channel::Identity> identity) {
  auto host = channel::LoadCertificate(HostDirectory{root_}.outer_certificate());
  EXPECT_TRUE(host.ok());
  channel::OuterClientOptions options{{*host}, {}, std::move(identity)};
  auto tls = channel::OuterClient(options);
  EXPECT_TRUE(tls.ok());
  return *tls;
}

}  // namespace strongroom::hsm_host::testing
