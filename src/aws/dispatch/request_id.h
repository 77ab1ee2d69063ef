#pragma once

#include <string>

namespace strongroom::aws {

/// A random version 4 UUID in lower case. Randomness is drawn in larger pieces per thread, since a request id is made
/// for every request; ids are unique but no secret.
std::string NewRequestId();

}  // namespace strongroom::aws
