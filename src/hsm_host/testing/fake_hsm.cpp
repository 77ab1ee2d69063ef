// Stands for strongroom-hsm in the tests of the host: echoes what comes through tunnels (descriptor 4), and answers
// questions about itself (descriptor 3). Its root key (descriptor 5) it tells freely.
#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fstream>
#include <iterator>

#include "control/link.h"
#include "control/stream.h"

namespace {

namespace net = boost::asio;
using namespace strongroom;
using Acceptor = net::basic_socket_acceptor<net::local::stream_protocol, LoopExecutor>;
constexpr auto kToken = net::as_tuple(net::use_awaitable_t<LoopExecutor>{});

std::string ReadFile(const std::string& name) {
  std::ifstream file(name);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

int CountBoots() {
  int boots = std::atoi(ReadFile("boots").c_str()) + 1;
  std::ofstream("boots") << boots;
  return boots;
}

std::string Line(const std::string& text, const std::string& start) {
  const auto at = text.find(start);
  return at == std::string::npos ? "?" : text.substr(at, text.find('\n', at) - at);
}

// Whatever the host promises about the process that it starts.
std::string Describe() {
  std::string open;
  for (int fd = 0; fd < 256; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) open += std::to_string(fd) + ",";
  std::string environment;
  for (char** at = environ; *at != nullptr; ++at)
    environment += std::string(*at).substr(0, std::string(*at).find('=')) + ",";
  const std::string status = ReadFile("/proc/self/status");
  return "uid=" + std::to_string(::geteuid()) + ";gid=" + std::to_string(::getegid()) + ";" + Line(status, "CapEff") +
         ";" + Line(status, "CapBnd") + ";" + Line(status, "NoNewPrivs") + ";open=" + open + ";env=" + environment;
}

Task<void> EchoOne(control::LocalSocket socket) {
  std::vector<char> room(64 * 1024);
  for (;;) {
    auto [failed, got] = co_await socket.async_read_some(net::buffer(room), kToken);
    if (failed) break;
    auto [lost, sent] = co_await net::async_write(socket, net::buffer(room.data(), got), kToken);
    if (lost) break;
  }
}

Task<void> Listen(Loop& loop, Acceptor& acceptor) {
  for (;;) {
    control::LocalSocket socket(loop);
    auto [failed] = co_await acceptor.async_accept(socket, kToken);
    if (failed) co_return;
    auto work = EchoOne(std::move(socket));
    net::co_spawn(loop, std::move(work), net::detached);
  }
}

struct Fake {
  std::string hsm_id, root_key, described;
  int boots = 0;
  std::shared_ptr<control::Link> link;

  Task<Result<proto::Control>> Answer(proto::Control question) {
    proto::Control answer;
    if (question.has_hsm_status()) {
      auto& status = *answer.mutable_hsm_status();
      status.set_cluster_id(hsm_id);
      status.set_csr(root_key);
      status.set_head(static_cast<std::uint64_t>(boots));
      status.set_version(described);
      co_return answer;
    }
    if (question.has_make_snapshot() && question.make_snapshot().kind() == "crash") ::_exit(3);
    if (question.has_log_read() ||
        question.has_log_append()) {  // passed on upwards, so that the answer shows the way back
      auto read = question;
      co_return co_await link->Ask(std::move(read), std::chrono::seconds(20));
    }
    co_return Error(Errc::kInvalidState, "The fake HSM does not do that.");
  }
  void Notice(const proto::Control& notice) {
    proto::Control changed;
    changed.mutable_status_changed()->set_head(notice.log_notice().head());
    static_cast<void>(link->Notify(changed));
  }
};

}  // namespace

int main(int argc, char** argv) {
  Fake fake;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string(argv[i]) == "--hsm-id") fake.hsm_id = argv[i + 1];
    if (std::string(argv[i]) == "--state-dir" && ::chdir(argv[i + 1]) != 0) return 9;
  }
  fake.described = Describe();
  char room[64];
  const ssize_t got = ::read(5, room, sizeof room);
  fake.root_key.assign(room, got > 0 ? static_cast<std::size_t>(got) : 0);
  ::close(5);
  fake.boots = CountBoots();
  Loop loop(1);
  auto link = control::Link::OverDescriptor(loop, 3);
  if (!link.ok()) return 8;
  fake.link = *link;
  fake.link->Start([&fake](proto::Control question) { return fake.Answer(std::move(question)); },
                   [&fake](proto::Control notice) { fake.Notice(notice); }, [](const Error&) { ::_exit(0); });
  Acceptor acceptor(loop, net::local::stream_protocol(), 4);
  auto work = Listen(loop, acceptor);
  net::co_spawn(loop, std::move(work), net::detached);
  loop.run();
  return 0;
}
