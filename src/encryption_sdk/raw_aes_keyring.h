#pragma once

#include "encryption_sdk/keyring.h"

namespace strongroom::encryption_sdk {

/// Wraps with AES-GCM under a key that the caller has: no service is asked.
/// `name_space` and `name` find the key again; a namespace that begins with "aws-kms" is refused.
/// Errors: InvalidArgument, also for a key that has not 16, 24 or 32 bytes.
Result<KeyringPtr> MakeRawAesKeyring(std::string name_space, std::string name, SecretBuffer wrapping_key);

}  // namespace strongroom::encryption_sdk
