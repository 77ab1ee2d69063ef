#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "hsm_host/host_options.h"
#include "hsm_host/hsm_list.h"

namespace strongroom::hsm_host {

/// Where HSM processes are started from; made once by the supervisor.
struct HsmLauncher {
  const HostOptions* options = nullptr;
  std::filesystem::path state_root;
  int program = -1;        // open executable
  int run_directory = -1;  // open directory of the listening sockets
  bool as_root = false;    // then users are changed
};

struct StartedHsm {
  pid_t pid = 0;
  UniqueFd control;    // the relay's end of the control socket pair
  std::string socket;  // name of the listening socket in the run directory
};

/// Starts one HSM: state directory (0700, its user's), control pair (3), listening socket (4), root key (5).
/// Errors: kPermission the state directory belongs to somebody else; those of the root key and of Spawn.
Result<StartedHsm> LaunchHsm(const HsmLauncher& launcher, const HsmEntry& entry);
/// The same for its operator, for maintenance: descriptor 6 is the reading end of a pipe with the recovery key's
/// private half (PKCS#8 DER), or with nothing.
Result<StartedHsm> LaunchForMaintenance(const HsmLauncher& launcher, const HsmEntry& entry, int recovery_key);

/// Removes an HSM's state directory; a missing one is fine. The process must have ended.
Status RemoveHsmState(const HsmLauncher& launcher, const std::string& hsm_id);

}  // namespace strongroom::hsm_host
