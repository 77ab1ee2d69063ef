#pragma once

#include <vector>

#include "encryption_sdk/keyring.h"

namespace strongroom::encryption_sdk {

/// Several keyrings, any one of which opens a message. `generator` (may be null) makes the data key and wraps it first;
/// each child wraps it again, and all must succeed. Errors: InvalidArgument when there is neither.
Result<KeyringPtr> MakeMultiKeyring(KeyringPtr generator, std::vector<KeyringPtr> children);

}  // namespace strongroom::encryption_sdk
