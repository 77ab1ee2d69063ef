#include <errno.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <array>
#include <memory>

#include "secret/sandbox_internal.h"

namespace strongroom::secret::sandbox {
namespace {

// What a process of threads, epoll, inherited unix sockets and files in one directory needs, and no more.
constexpr int kAllowed[] = {
    // event loop and sockets that are there already
    SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2),
    SCMP_SYS(eventfd2), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_gettime), SCMP_SYS(poll),
    SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(pipe2), SCMP_SYS(accept), SCMP_SYS(accept4),
    SCMP_SYS(recvmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(shutdown),
    SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
    // files (where they may lie is Landlock's matter)
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(close), SCMP_SYS(stat), SCMP_SYS(fstat), SCMP_SYS(lstat),
    SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(lseek), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
    SCMP_SYS(sync_file_range), SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(rename), SCMP_SYS(renameat),
    SCMP_SYS(renameat2), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir),
    SCMP_SYS(getdents64), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink),
    SCMP_SYS(readlinkat), SCMP_SYS(flock), SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(getcwd),
    SCMP_SYS(fchmod), SCMP_SYS(umask), SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(fcntl), SCMP_SYS(fadvise64),
    // memory
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mlock), SCMP_SYS(mlock2),
    SCMP_SYS(munlock), SCMP_SYS(membarrier),
    // threads, time, signals, randomness
    SCMP_SYS(futex), SCMP_SYS(futex_waitv), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(getuid),
    SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(tgkill),
    SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(getrlimit), SCMP_SYS(getrusage),
    SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(getcpu)};

// What libraries ask for and live without (a resolver, an allocator's tuning, a second exec of nothing). These answer
// EPERM; anything else ends the process, since nothing of ours calls it.
constexpr int kRefused[] = {SCMP_SYS(socket),       SCMP_SYS(socketpair),
                            SCMP_SYS(connect),      SCMP_SYS(bind),
                            SCMP_SYS(listen),       SCMP_SYS(execve),
                            SCMP_SYS(execveat),     SCMP_SYS(fork),
                            SCMP_SYS(vfork),        SCMP_SYS(kill),
                            SCMP_SYS(chdir),        SCMP_SYS(chmod),
                            SCMP_SYS(fchmodat),     SCMP_SYS(chown),
                            SCMP_SYS(fchown),       SCMP_SYS(symlink),
                            SCMP_SYS(link),         SCMP_SYS(linkat),
                            SCMP_SYS(utimensat),    SCMP_SYS(prlimit64),
                            SCMP_SYS(setrlimit),    SCMP_SYS(sched_setaffinity),
                            SCMP_SYS(mlockall),     SCMP_SYS(setpriority),
                            SCMP_SYS(inotify_init1)};

// "Not there" lets glibc fall back: to clone() for threads, and from io_uring to epoll.
constexpr int kAbsent[] = {SCMP_SYS(clone3), SCMP_SYS(io_uring_setup)};

struct Filter {
  struct Release {
    void operator()(void* context) const noexcept { ::seccomp_release(context); }
  };
  std::unique_ptr<void, Release> context{::seccomp_init(SCMP_ACT_KILL_PROCESS)};
  int error = 0;

  void Add(std::uint32_t action, int call) { Keep(::seccomp_rule_add_array(context.get(), action, call, 0, nullptr)); }
  void Add(std::uint32_t action, int call, scmp_arg_cmp argument) {
    Keep(::seccomp_rule_add_array(context.get(), action, call, 1, &argument));
  }
  void Keep(int result) {
    if (result != 0 && error == 0) error = -result;
  }
};

constexpr scmp_arg_cmp Masked(unsigned arg, std::uint64_t mask, std::uint64_t value) {
  return {arg, SCMP_CMP_MASKED_EQ, mask, value};
}
constexpr scmp_arg_cmp Equal(unsigned arg, std::uint64_t value) { return {arg, SCMP_CMP_EQ, value, 0}; }

}  // namespace

Status FilterSystemCalls() {
  Filter filter;
  if (!filter.context) return Error(Errc::kResourceExhausted, "No memory for the system call filter.");
  const std::uint32_t eperm = SCMP_ACT_ERRNO(EPERM);
  for (const int call : kAllowed) filter.Add(SCMP_ACT_ALLOW, call);
  for (const int call : kRefused) filter.Add(eperm, call);
  for (const int call : kAbsent) filter.Add(SCMP_ACT_ERRNO(ENOSYS), call);
  // Memory that can be executed is for the loader, which has done its work.
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
    filter.Add(SCMP_ACT_ALLOW, call, Masked(2, PROT_EXEC, 0));
    filter.Add(eperm, call, Masked(2, PROT_EXEC, PROT_EXEC));
  }
  // clone() makes threads, not processes.
  filter.Add(SCMP_ACT_ALLOW, SCMP_SYS(clone), Masked(0, CLONE_THREAD, CLONE_THREAD));
  filter.Add(eperm, SCMP_SYS(clone), Masked(0, CLONE_THREAD, 0));
  // A thread may make itself matter less, never more.
  filter.Add(SCMP_ACT_ALLOW, SCMP_SYS(sched_setscheduler), Equal(1, SCHED_IDLE));
  filter.Add(eperm, SCMP_SYS(sched_setscheduler), {1, SCMP_CMP_NE, SCHED_IDLE, 0});
  for (const std::uint64_t option : {PR_SET_NAME, PR_SET_VMA, PR_GET_NAME}) {
    filter.Add(SCMP_ACT_ALLOW, SCMP_SYS(prctl), Equal(0, option));
  }
  for (const std::uint64_t request : {FIONBIO, FIONREAD, TCGETS}) {
    filter.Add(SCMP_ACT_ALLOW, SCMP_SYS(ioctl), Equal(1, request));
  }
  if (filter.error == 0) filter.Keep(::seccomp_attr_set(filter.context.get(), SCMP_FLTATR_CTL_TSYNC, 1));
  if (filter.error == 0) filter.Keep(::seccomp_load(filter.context.get()));
  if (filter.error != 0) return FromErrno("install the system call filter", filter.error);
  return {};
}

}  // namespace strongroom::secret::sandbox
