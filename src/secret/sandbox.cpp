#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secret/hardening.h"
#include "secret/sandbox_internal.h"

namespace strongroom::secret {

Result<FileConfinement> EnterSandbox(const SandboxOptions& options) {
  struct stat info {};
  if (::stat(options.directory.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    return Error(Errc::kInvalidArgument, "The sandbox's directory does not exist.")
        .WithDetail(options.directory.string());
  }
  if (::chdir(options.directory.c_str()) != 0) return sandbox::FromErrno("enter the sandbox's directory", errno);
  FileConfinement how = FileConfinement::kLandlock;
  if (sandbox::HasLandlock()) {
    SR_CHECK(sandbox::RestrictFiles("."));
  } else if (::geteuid() == 0) {
    // Root can leave a chroot, which the missing chroot() and mount() of the system call filter and a later DropTo
    // prevent.
    if (::chroot(".") != 0 || ::chdir("/") != 0) return sandbox::FromErrno("change the root directory", errno);
    how = FileConfinement::kChroot;
  } else {
    return Error(Errc::kUnsupported,
                 "Files cannot be confined: this kernel has no Landlock, and the process is not root for a chroot.");
  }
  if (options.filter_system_calls) SR_CHECK(sandbox::FilterSystemCalls());
  return how;
}

}  // namespace strongroom::secret
