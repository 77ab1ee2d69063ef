#include "hsm_host/hsm_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <system_error>

#include "base/log.h"
#include "hsm_host/host_directory.h"
#include "hsm_host/key_file.h"
#include "hsm_host/spawn.h"

namespace strongroom::hsm_host {
namespace {

constexpr int kBacklog = 1024;

Status PrepareStateDirectory(const HsmLauncher& launcher, const std::filesystem::path& directory) {
  const uid_t owner = launcher.as_root ? launcher.options->hsm_uid : ::geteuid();
  const gid_t group = launcher.as_root ? launcher.options->hsm_gid : ::getegid();
  if (::mkdir(directory.c_str(), 0700) == 0) {
    if (launcher.as_root && ::lchown(directory.c_str(), owner, group) != 0)
      return FileError("give away", directory, errno);
    return {};
  }
  if (errno != EEXIST) return FileError("make", directory, errno);
  struct stat info {};
  if (::lstat(directory.c_str(), &info) != 0) return FileError("look at", directory, errno);
  if (!S_ISDIR(info.st_mode) || info.st_uid != owner || (info.st_mode & 077) != 0) {
    return Error(Errc::kPermission, fmt::format("{} must be a directory of user {} with mode 0700 (chown -R {}:{}).",
                                                directory.string(), owner, owner, group));
  }
  return {};
}

// The path goes by the open directory, so it is short enough for a Unix address wherever the data directory is.
Result<UniqueFd> ListenOn(const HsmLauncher& launcher, const std::string& name) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return FileError("make", name, errno);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = fmt::format("/proc/self/fd/{}/{}", launcher.run_directory, name);
  if (path.size() >= sizeof address.sun_path) return Error(Errc::kInvalidArgument, "The HSM's id is too long.");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  ::unlinkat(launcher.run_directory, name.c_str(), 0);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::fchmodat(launcher.run_directory, name.c_str(), 0600, 0) != 0)
    return FileError("listen on", name, errno);
  if (launcher.as_root && ::fchownat(launcher.run_directory, name.c_str(), launcher.options->relay_uid,
                                     launcher.options->relay_gid, AT_SYMLINK_NOFOLLOW) != 0)
    return FileError("give away", name, errno);
  if (::listen(fd.get(), kBacklog) != 0) return FileError("listen on", name, errno);
  return fd;
}

Result<StartedHsm> Launch(const HsmLauncher& launcher, const HsmEntry& entry, int recovery_key) {
  const HostOptions& options = *launcher.options;
  const auto directory = launcher.state_root / entry.hsm_id;
  SR_CHECK(PrepareStateDirectory(launcher, directory));
  StartedHsm started;
  started.socket = entry.hsm_id + ".sock";
  SR_TRY(const UniqueFd listening, ListenOn(launcher, started.socket));
  int pair[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return FileError("make", "a socket pair", errno);
  const UniqueFd hsm_end(pair[0]);
  started.control.Reset(pair[1]);
  UniqueFd root_key;
  {
    SR_TRY(const SecretBuffer host_key, ReadHostRootKey(options.root_key, HostDirectory{options.data}.root_key()));
    SR_TRY(const SecretBuffer hsm_key, DeriveHsmRootKey(host_key, entry.hsm_id));
    SR_TRY(root_key, KeyFile::Pipe(hsm_key));
  }
  SpawnOptions spawn;
  spawn.program = launcher.program;
  // The HSM starts inside its directory: its user need not reach it from the root.
  spawn.arguments = {
      "strongroom-hsm", "--hsm-id", entry.hsm_id, "--state-dir", ".", "--max-keys", std::to_string(options.max_keys)};
  spawn.descriptors = {{hsm_end.get(), 3}, {listening.get(), 4}, {root_key.get(), 5}};
  if (recovery_key >= 0) {
    spawn.arguments.push_back("--maintenance");
    spawn.descriptors.emplace_back(recovery_key, 6);
  }
  spawn.working_directory = directory;
  spawn.change_user = launcher.as_root;
  spawn.uid = options.hsm_uid;
  spawn.gid = options.hsm_gid;
  spawn.drop_capabilities = true;
  // An HSM writes ahead, so it may be killed; what must not be is a second one on the same state.
  spawn.death_signal = SIGKILL;
  SR_TRY(started.pid, Spawn(spawn));
  return started;
}

}  // namespace

Result<StartedHsm> LaunchHsm(const HsmLauncher& launcher, const HsmEntry& entry) { return Launch(launcher, entry, -1); }

Result<StartedHsm> LaunchForMaintenance(const HsmLauncher& launcher, const HsmEntry& entry, int recovery_key) {
  return Launch(launcher, entry, recovery_key);
}

Status RemoveHsmState(const HsmLauncher& launcher, const std::string& hsm_id) {
  if (!IsPlainId(hsm_id)) return Error(Errc::kInvalidArgument, "hsm_id is not a well-formed id.");
  ::unlinkat(launcher.run_directory, (hsm_id + ".sock").c_str(), 0);
  std::error_code failed;
  std::filesystem::remove_all(launcher.state_root / hsm_id, failed);
  if (failed) return Error(Errc::kInternal, "The HSM's state cannot be removed.").WithDetail(failed.message());
  return {};
}

}  // namespace strongroom::hsm_host
