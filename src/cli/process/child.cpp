#include "cli/process/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "base/file.h"

namespace strongroom::cli {
namespace {

/// Between fork and exec: only async-signal-safe calls.
[[noreturn]] void BecomeChild(const ChildSpec& spec, char* const* arguments, char* const* environment, int output,
                              pid_t parent) {
  if (spec.lock_memory) {
    // Without the right to raise it the limit stays, and the child says itself whether that is enough.
    rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_MEMLOCK, &limit) != 0 && ::getrlimit(RLIMIT_MEMLOCK, &limit) == 0) {
      limit.rlim_cur = limit.rlim_max;
      ::setrlimit(RLIMIT_MEMLOCK, &limit);
    }
  }
  if (spec.user && ::geteuid() == 0) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(*spec.user, *spec.user, *spec.user) != 0 ||
        ::setresuid(*spec.user, *spec.user, *spec.user) != 0)
      ::_exit(126);
  }
  // After the change of user, which would clear it. The parent may be gone by now already.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(125);
  ::dup2(output, STDOUT_FILENO);
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing >= 0) ::dup2(nothing, STDIN_FILENO);
  ::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
  if (spec.keep_fd >= 0) ::fcntl(spec.keep_fd, F_SETFD, 0);
  // A group of its own: Ctrl-C reaches `serve`, which stops its children in order.
  ::setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(spec.program.c_str(), arguments, environment);
  ::_exit(127);
}

std::vector<std::string> EnvironmentOf(const ChildSpec& spec) {
  std::vector<std::string> texts = spec.environment;
  for (char** ours = environ; *ours != nullptr; ++ours) {
    const std::string_view entry = *ours, name = entry.substr(0, entry.find('=') + 1);
    if (std::ranges::none_of(spec.environment, [&](const std::string& text) { return text.starts_with(name); }))
      texts.emplace_back(entry);
  }
  return texts;
}

/// As execve wants it; good for as long as the texts are.
std::vector<char*> PointersTo(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Result<Child> Child::Start(const ChildSpec& spec) {
  if (::access(spec.program.c_str(), X_OK) != 0) return FileError("run", spec.program, errno);
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) return Error(Errc::kResourceExhausted, "No pipe could be made.");
  std::vector<std::string> texts{spec.program.string()};
  texts.insert(texts.end(), spec.arguments.begin(), spec.arguments.end());
  const std::vector<char*> arguments = PointersTo(texts);
  std::vector<std::string> variables = EnvironmentOf(spec);
  const std::vector<char*> environment = PointersTo(variables);

  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) BecomeChild(spec, arguments.data(), environment.data(), pipe_ends[1], parent);
  ::close(pipe_ends[1]);
  if (pid < 0) {
    ::close(pipe_ends[0]);
    return Error(Errc::kResourceExhausted, fmt::format("{} could not be started.", spec.name));
  }
  ::fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK);
  Child child;
  child.name_ = spec.name;
  child.pid_ = pid;
  child.output_ = pipe_ends[0];
  return child;
}

Child::Child(Child&& from) noexcept
    : name_(std::move(from.name_)),
      pid_(std::exchange(from.pid_, -1)),
      output_(std::exchange(from.output_, -1)),
      partial_(std::move(from.partial_)),
      exit_status_(from.exit_status_) {}

Child& Child::operator=(Child&& from) noexcept {
  std::swap(name_, from.name_);
  std::swap(pid_, from.pid_);
  std::swap(output_, from.output_);
  std::swap(partial_, from.partial_);
  std::swap(exit_status_, from.exit_status_);
  return *this;
}

Child::~Child() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (output_ >= 0) ::close(output_);
}

bool Child::Drain(const std::function<void(std::string_view)>& line) {
  char part[4096];
  for (;;) {
    const ssize_t n = ::read(output_, part, sizeof part);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 && errno == EAGAIN;
    partial_.append(part, static_cast<std::size_t>(n));
    for (auto end = partial_.find('\n'); end != std::string::npos; end = partial_.find('\n')) {
      line(std::string_view(partial_).substr(0, end));
      partial_.erase(0, end + 1);
    }
    if (partial_.size() > 64 * 1024) partial_.clear();
  }
}

std::optional<std::string> Child::Ended() {
  if (pid_ <= 0) return "not running";
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = -1;
  if (WIFSIGNALED(status)) return fmt::format("signal {}", WTERMSIG(status));
  exit_status_ = WEXITSTATUS(status);
  return fmt::format("exit status {}", *exit_status_);
}

void Child::Signal(int number) const noexcept {
  if (pid_ > 0) ::kill(pid_, number);
}

void Child::Stop(std::chrono::milliseconds patience) {
  Signal(SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (pid_ > 0 && !Ended() && std::chrono::steady_clock::now() < deadline) {
    pollfd closed{output_, POLLIN, 0};
    ::poll(&closed, 1, 20);
    Drain([](std::string_view) {});
  }
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
}

}  // namespace strongroom::cli
