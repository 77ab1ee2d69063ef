#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace strongroom::secret {

/// RLIMIT_CORE 0 and PR_SET_DUMPABLE 0: no core files, no ptrace by the same user, /proc/self owned by root.
Status DisableCoreDumps();

/// mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT): no page of this process reaches swap.
/// Errors: kResourceExhausted, with a text that names `ulimit -l` and LimitMEMLOCK. In STRONGROOM_DEV builds it warns
/// once and succeeds.
Status LockAllMemory();

/// PR_SET_NO_NEW_PRIVS: execve gains nothing, and an unprivileged process may install seccomp filters.
Status NoNewPrivileges();

/// Becomes this user and group for good: supplementary groups, gid, uid in that order, each read back.
/// Errors: kPermission when not root (unless it is that user and group already), kInvalidArgument for uid or gid 0.
Status DropTo(uid_t uid, gid_t gid);

/// What a sandboxed process may still do.
struct SandboxOptions {
  std::filesystem::path directory;  // its one read-write directory, which must exist
  /// seccomp for a process of threads, epoll and inherited or already listening unix sockets: no socket(), connect(),
  /// execve(), ptrace(), and no executable memory.
  bool filter_system_calls = true;
};

/// How files were confined.
enum class FileConfinement { kLandlock, kChroot };

/// Confines this process for good: first files (Landlock, else chroot when root), then system calls (seccomp). Call it
/// after everything outside the directory is open (root key, log, listening sockets) and before other threads start,
/// since Landlock binds the calling thread and those it starts.
/// Chroot keeps absolute paths under `directory` valid only relative to it: the working directory is set to the
/// directory in both cases, so code that runs inside uses relative paths.
/// Errors: kInvalidArgument no such directory; kUnsupported neither Landlock nor root; kInternal the kernel refused.
Result<FileConfinement> EnterSandbox(const SandboxOptions& options);

}  // namespace strongroom::secret
