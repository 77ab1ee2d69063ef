#pragma once

#include <string>

#include "base/result.h"

namespace strongroom::cli {

/// Picks a loopback network "127.X.Y" at random and probes it: nobody listens on the ports we use at its first
/// addresses, and its addresses can be bound. Errors: kResourceExhausted when 32 tries find none.
Result<std::string> PickLoopbackNetwork();

/// Whether a deployment could use this network now.
bool IsFreeNetwork(const std::string& prefix);

/// For a network that the operator names: "10.20.30". Errors: kInvalidArgument for no prefix of three numbers;
/// kConflict when its first addresses are not this machine's or somebody listens on them.
Status RequireUsableNetwork(const std::string& prefix);

/// Whether a TCP listener could be opened there now.
bool CanBind(const std::string& address, unsigned short port);

}  // namespace strongroom::cli
