#pragma once

#include "hsm_host/host_options.h"

namespace strongroom::hsm_host {

/// Runs the relay until its line to the supervisor ends: descriptor 3 is that line, descriptor 4 the directory of the
/// HSMs' sockets. Reads its keys, then becomes options.relay_uid when it is root. Returns the process's exit status.
int RunRelay(const HostOptions& options);

}  // namespace strongroom::hsm_host
