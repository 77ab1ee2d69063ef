#include "secret/hardening.h"

#include <errno.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>

#include "base/log.h"
#include "secret/sandbox_internal.h"

namespace strongroom::secret {

namespace sandbox {
Error FromErrno(const char* doing, int error) {
  return Error(Errc::kInternal, fmt::format("Cannot {}.", doing))
      .WithDetail(fmt::format("errno {} ({})", error, ::strerrordesc_np(error)));
}
}  // namespace sandbox

using sandbox::FromErrno;

Status DisableCoreDumps() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return FromErrno("forbid core dumps", errno);
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return FromErrno("make the process undumpable", errno);
  return {};
}

Status LockAllMemory() {
  if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0) return {};
  const int error = errno;
#if defined(STRONGROOM_DEV)
  static std::once_flag once;
  std::call_once(once, [error] {
    log::Warn("Process memory is NOT locked (errno {}): raise `ulimit -l`. Development only.", error);
  });
  return {};
#else
  return Error(Errc::kResourceExhausted,
               "Process memory cannot be locked: raise the limit `ulimit -l` (systemd: LimitMEMLOCK=infinity).")
      .WithDetail(fmt::format("mlockall: errno {} ({})", error, ::strerrordesc_np(error)));
#endif
}

Status NoNewPrivileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return FromErrno("give up new privileges", errno);
  return {};
}

Status DropTo(uid_t uid, gid_t gid) {
  if (uid == 0 || gid == 0) return Error(Errc::kInvalidArgument, "A process cannot be dropped to root.");
  if (::geteuid() != 0) {
    if (::geteuid() == uid && ::getegid() == gid) return {};
    return Error(Errc::kPermission, "Only root can become another user.");
  }
  if (::setgroups(0, nullptr) != 0) return FromErrno("drop supplementary groups", errno);
  if (::setresgid(gid, gid, gid) != 0) return FromErrno("change the group", errno);
  if (::setresuid(uid, uid, uid) != 0) return FromErrno("change the user", errno);
  uid_t real = 0, effective = 0, saved = 0;
  gid_t real_gid = 0, effective_gid = 0, saved_gid = 0;
  if (::getresuid(&real, &effective, &saved) != 0 || ::getresgid(&real_gid, &effective_gid, &saved_gid) != 0) {
    return FromErrno("read back user and group", errno);
  }
  if (real != uid || effective != uid || saved != uid || real_gid != gid || effective_gid != gid || saved_gid != gid ||
      ::setuid(0) == 0) {
    return Error(Errc::kInternal, "The change of user did not hold.");
  }
  return {};
}

}  // namespace strongroom::secret
