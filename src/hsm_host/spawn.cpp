#include "hsm_host/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "hsm_host/key_file.h"

namespace strongroom::hsm_host {
namespace {

constexpr int kFirstSafe = 64;  // descriptors are parked here and above while 0.. are being laid out
constexpr rlim_t kOpenFiles = 65536;

// What the child says when it fails before its program runs.
struct ChildFailure {
  char step[32];
  int error;
};

// Runs in the child, after fork of a process that has one thread.
class Child {
 public:
  explicit Child(const SpawnOptions& options, int report) : options_(options), report_(report) {}

  [[noreturn]] void Run(char* const* arguments, char* const* environment, pid_t parent) {
    ResetSignals();
    ::setsid();
    ::umask(077);
    LayOutDescriptors();
    if (!options_.working_directory.empty())
      Must(::chdir(options_.working_directory.c_str()) == 0, "enter its directory");
    SetLimits();
    if (options_.change_user || options_.drop_capabilities) {
      keep_lock_ = MayLockMemory();
      DropBoundingSet();
    }
    if (options_.change_user) ChangeUser();
    if (options_.change_user || options_.drop_capabilities) DropCapabilities();
    Must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "give up privileges");
    // After the change of user, which clears it; the parent may be gone since.
    if (options_.death_signal != 0) {
      Must(::prctl(PR_SET_PDEATHSIG, options_.death_signal, 0, 0, 0) == 0, "tie itself to its parent");
      if (::getppid() != parent) ::_exit(126);
    }
    ::fexecve(program_, arguments, environment);
    Fail("run its program");
  }

 private:
  [[noreturn]] void Fail(const char* step) {
    ChildFailure failure{};
    failure.error = errno;
    std::strncpy(failure.step, step, sizeof failure.step - 1);
    [[maybe_unused]] const ssize_t written = ::write(report_, &failure, sizeof failure);
    ::_exit(126);
  }
  void Must(bool done, const char* step) {
    if (!done) Fail(step);
  }

  void ResetSignals() {
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
  }

  int Park(int fd) {
    const int parked = ::fcntl(fd, F_DUPFD_CLOEXEC, kFirstSafe);
    Must(parked >= 0, "keep a descriptor");
    return parked;
  }

  void LayOutDescriptors() {
    report_ = Park(report_);
    program_ = Park(options_.program);
    int parked[16];
    std::size_t count = 0;
    for (const auto& [ours, wanted] : options_.descriptors) {
      Must(count < std::size(parked) && wanted >= 3 && wanted < kFirstSafe, "place a descriptor");
      parked[count++] = Park(ours);
    }
    const int null = ::open("/dev/null", O_RDONLY);
    Must(null >= 0 && ::dup2(null, 0) == 0, "open /dev/null");
    int top = 2;
    for (std::size_t i = 0; i < count; ++i) {
      const int wanted = options_.descriptors[i].second;
      Must(::dup2(parked[i], wanted) == wanted, "place a descriptor");
      top = std::max(top, wanted);
    }
    // Numbers between those given would otherwise be the parent's.
    for (int fd = 3; fd <= top; ++fd) {
      bool given = false;
      for (const auto& entry : options_.descriptors) given = given || entry.second == fd;
      if (!given) ::close(fd);
    }
    Must(::close_range(static_cast<unsigned>(top + 1), ~0U, CLOSE_RANGE_CLOEXEC) == 0, "close descriptors");
  }

  void SetLimits() {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    // Without the right to raise it the limit stays, and the child says itself whether that is enough.
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_MEMLOCK, &unlimited) != 0) RaiseToHard(RLIMIT_MEMLOCK);
    const rlimit files{kOpenFiles, kOpenFiles};
    if (::setrlimit(RLIMIT_NOFILE, &files) != 0) RaiseToHard(RLIMIT_NOFILE);
  }
  static void RaiseToHard(__rlimit_resource what) {
    rlimit limit{};
    if (::getrlimit(what, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(what, &limit);
  }

  void DropBoundingSet() {
    if (::geteuid() != 0) return;
    for (unsigned long capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
      if (capability != CAP_IPC_LOCK || !keep_lock_)
        Must(::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0, "drop capabilities");
  }
  /// Root in a container may be refused a higher RLIMIT_MEMLOCK and yet may lock memory itself. A child whose limit
  /// stayed low keeps that one right, which lets it do nothing but lock its own memory.
  static bool MayLockMemory() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || ::geteuid() != 0) return false;
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct has[2]{};
    return ::syscall(SYS_capget, &header, has) == 0 && (has[0].permitted & CAP_TO_MASK(CAP_IPC_LOCK)) != 0;
  }
  void ChangeUser() {
    Must(options_.uid != 0 && options_.gid != 0, "leave root");
    if (keep_lock_) Must(::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0, "keep the right to lock memory");
    Must(::setgroups(0, nullptr) == 0, "drop its groups");
    Must(::setresgid(options_.gid, options_.gid, options_.gid) == 0, "change its group");
    Must(::setresuid(options_.uid, options_.uid, options_.uid) == 0, "change its user");
    Must(::setuid(0) != 0, "leave root");
  }
  void DropCapabilities() {
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct left[2]{};
    if (keep_lock_) {
      left[0].permitted = left[0].effective = left[0].inheritable = CAP_TO_MASK(CAP_IPC_LOCK);
    }
    Must(::syscall(SYS_capset, &header, left) == 0, "drop capabilities");
    // Ambient, so that it outlives the start of the program.
    if (keep_lock_)
      Must(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_IPC_LOCK, 0, 0) == 0, "keep the right to lock memory");
  }

  const SpawnOptions& options_;
  int report_;
  int program_ = -1;
  bool keep_lock_ = false;
};

std::vector<std::string> CleanEnvironment() {
  std::vector<std::string> environment{"PATH=/usr/bin:/bin", "LANG=C.UTF-8"};
#if defined(STRONGROOM_SANITIZED)
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"})
    if (const char* value = std::getenv(name)) environment.push_back(std::string(name) + "=" + value);
#endif
  return environment;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Result<UniqueFd> OpenProgram(const std::filesystem::path& file) {
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return FileError("open the program", file, errno);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) || (info.st_mode & 0111) == 0)
    return Error(Errc::kPermission, fmt::format("{} is not a program.", file.string()));
  return fd;
}

Result<pid_t> Spawn(const SpawnOptions& options) {
  std::vector<std::string> arguments = options.arguments;
  std::vector<std::string> environment = CleanEnvironment();
  const std::vector<char*> argument_pointers = Pointers(arguments);
  const std::vector<char*> environment_pointers = Pointers(environment);
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return FileError("make", "a pipe", errno);
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return FileError("start", options.arguments.front(), errno);
  if (pid == 0) Child(options, writing.get()).Run(argument_pointers.data(), environment_pointers.data(), parent);
  writing.Reset();
  // The pipe closes when the program runs, or says why it does not.
  ChildFailure failure{};
  ssize_t got = 0;
  do got = ::read(reading.get(), &failure, sizeof failure);
  while (got < 0 && errno == EINTR);
  if (got <= 0) return pid;
  failure.step[sizeof failure.step - 1] = '\0';
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  const char* text = ::strerrordesc_np(failure.error);
  return Error(Errc::kInternal, fmt::format("{} could not {}.", options.arguments.front(), failure.step))
      .WithDetail(text == nullptr ? "unknown" : text);
}

}  // namespace strongroom::hsm_host
