#pragma once

#include "hsm_host/host_options.h"

namespace strongroom::hsm_host {

/// Runs the supervisor until it is told to stop (SIGTERM, SIGINT, the parent's end): starts the relay, starts the HSMs
/// of the list, restarts what dies, and stops all. Returns the process's exit status. Called from main with no other
/// thread.
int RunSupervisor(const HostOptions& options);

}  // namespace strongroom::hsm_host
