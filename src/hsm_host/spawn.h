#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace strongroom::hsm_host {

/// How a child process starts.
struct SpawnOptions {
  int program = -1;                              // open descriptor of the executable, so no path needs to be reachable
  std::vector<std::string> arguments;            // argument 0 included
  std::vector<std::pair<int, int>> descriptors;  // (ours, its number in the child); everything else is closed
  std::filesystem::path working_directory;       // entered before privileges go; may be empty
  bool change_user = false;                      // to uid and gid, without any capability; only as root
  uid_t uid = 0;
  gid_t gid = 0;
  bool drop_capabilities = false;  // implied by change_user
  int death_signal = 0;            // PR_SET_PDEATHSIG; 0: none
};

/// Starts a child in a session of its own with a clean environment, no core dumps, an unlimited memory lock (as far as
/// the caller may grant it), default signal handling, and umask 077. Standard output and error are the caller's, input
/// is /dev/null.
/// Errors: kInternal fork failed, or what the child could not do before its program ran (its errno is in the detail).
Result<pid_t> Spawn(const SpawnOptions& options);

/// Opens an executable for Spawn. Errors: kNotFound, kPermission not executable.
Result<UniqueFd> OpenProgram(const std::filesystem::path& file);

}  // namespace strongroom::hsm_host
