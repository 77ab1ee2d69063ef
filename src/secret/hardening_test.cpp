#include "secret/hardening.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/testing/temporary_directory.h"
#include "secret/secret_buffer.h"

namespace strongroom::secret {
namespace {

template <typename Body>
int InChild(Body body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

class Sandbox : public ::testing::Test {
 protected:
  /// Runs `body` in a sandboxed child.
  template <typename Body>
  int Inside(Body body) {
    return InChild([&] {
      if (!EnterSandbox({.directory = directory_}).ok()) return 255;
      return body();
    });
  }
  TemporaryDirectory temporary_;
  const std::filesystem::path& directory_ = temporary_.path();
};

bool Fails(long result) { return result < 0; }

TEST_F(Sandbox, OwnDirectoryCanBeWrittenSyncedAndRenamed) {
  EXPECT_EQ(Inside([] {
              const int file = ::open("state.new", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
              if (file < 0 || ::write(file, "x", 1) != 1 || ::fsync(file) != 0) return 1;
              if (::ftruncate(file, 0) != 0) return 2;
              ::close(file);
              if (::rename("state.new", "state") != 0) return 3;
              const int folder = ::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
              return folder >= 0 && ::fsync(folder) == 0 ? 0 : 4;
            }),
            0);
  EXPECT_TRUE(std::filesystem::exists(directory_ / "state"));
}

struct Row {
  std::string name;
  int (*body)();  // 0 when the attempt was refused
};
int Refused(long result) { return Fails(result) ? 0 : 1; }
const Row kRefusals[] = {
    {"OtherFilesCannotBeRead", [] { return Refused(::open("/etc/passwd", O_RDONLY | O_CLOEXEC)); }},
    {"ParentCannotBeListed", [] { return Refused(::open("../..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)); }},
    {"OtherFilesCannotBeMade", [] { return Refused(::open("/tmp/outside", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)); }},
    {"InternetSocket", [] { return Refused(::socket(AF_INET, SOCK_STREAM, 0)); }},
    {"UnixSocket", [] { return Refused(::socket(AF_UNIX, SOCK_STREAM, 0)); }},
    {"Execve",
     [] {
       char name[] = "/bin/true";
       char* const args[] = {name, nullptr};
       return Refused(::execve(name, args, nullptr));
     }},
    {"Fork", [] { return Refused(::fork()); }},
    {"ExecutableMemory",
     [] {
       return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? 0 : 1;
     }},
    {"MemoryMadeExecutable",
     [] {
       void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
       return memory == MAP_FAILED ? 2 : Refused(::mprotect(memory, 4096, PROT_READ | PROT_EXEC));
     }},
};
class SandboxRefusal : public Sandbox, public ::testing::WithParamInterface<Row> {};
TEST_P(SandboxRefusal, AttemptFails) { EXPECT_EQ(Inside(GetParam().body), 0); }
INSTANTIATE_TEST_SUITE_P(Sandbox, SandboxRefusal, ::testing::ValuesIn(kRefusals),
                         [](const auto& info) { return info.param.name; });

TEST_F(Sandbox, PtraceEndsTheProcess) {
  EXPECT_EQ(Inside([] { return static_cast<int>(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }), 1000 + SIGSYS);
}

#if !defined(STRONGROOM_SANITIZED)
TEST_F(Sandbox, ThreadsEpollInheritedSocketsAndSecretsGoOn) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  EXPECT_EQ(Inside([&pair] {
              std::atomic<int> ran = 0;
              std::thread writer([&] { ran = static_cast<int>(::write(pair[0], "ping", 4)); });
              const int poll = ::epoll_create1(EPOLL_CLOEXEC);
              epoll_event event{.events = EPOLLIN, .data = {}};
              if (::epoll_ctl(poll, EPOLL_CTL_ADD, pair[1], &event) != 0) return 1;
              if (::epoll_wait(poll, &event, 1, 10000) != 1) return 2;
              char text[4];
              if (::read(pair[1], text, 4) != 4) return 3;
              writer.join();
              if (ran != 4) return 4;
              return SecretBuffer::CopyOf(Bytes(100000)).ok() ? 0 : 5;
            }),
            0);
  ::close(pair[0]);
  ::close(pair[1]);
}
#endif

TEST_F(Sandbox, MissingDirectoryIsRefused) {
  const auto entered = EnterSandbox({.directory = directory_ / "absent"});
  ASSERT_FALSE(entered.ok());
  EXPECT_EQ(entered.error().code(), Errc::kInvalidArgument);
}

TEST(Hardening, CoreDumpsAreOff) {
  EXPECT_EQ(InChild([] {
              if (!DisableCoreDumps().ok()) return 1;
              rlimit limit{};
              if (::getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_max != 0) return 2;
              return ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 3;
            }),
            0);
}

TEST(Hardening, NewPrivilegesAreGivenUp) {
  EXPECT_EQ(InChild([] {
              if (!NoNewPrivileges().ok()) return 1;
              return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 2;
            }),
            0);
}

#if !defined(STRONGROOM_SANITIZED)
int LockWithoutRights() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0) return 1;
  if (::geteuid() == 0 && ::setuid(65534) != 0) return 2;
  const Status status = LockAllMemory();
#if defined(STRONGROOM_DEV)
  return status.ok() ? 0 : 3;
#else
  if (status.ok() || status.error().code() != Errc::kResourceExhausted) return 4;
  return status.error().public_message().find("ulimit -l") != std::string::npos ? 0 : 5;
#endif
}
TEST(Hardening, UnlockableMemoryNamesTheLimit) { EXPECT_EQ(InChild(LockWithoutRights), 0); }
#endif

TEST(Hardening, DropToChangesUserAndGroupForGood) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_EQ(InChild([] {
              if (!DropTo(65534, 65534).ok()) return 1;
              if (::getuid() != 65534 || ::getegid() != 65534 || ::getgroups(0, nullptr) != 0) return 2;
              if (::setuid(0) == 0) return 3;
              const Status other = DropTo(65533, 65534);
              return !other.ok() && other.error().code() == Errc::kPermission && DropTo(65534, 65534).ok() ? 0 : 4;
            }),
            0);
}

TEST(Hardening, DropToRootIsRefused) {
  EXPECT_EQ(DropTo(0, 65534).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(DropTo(65534, 0).error().code(), Errc::kInvalidArgument);
}

}  // namespace
}  // namespace strongroom::secret
