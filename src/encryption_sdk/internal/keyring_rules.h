#pragma once

#include "encryption_sdk/errors.h"
#include "encryption_sdk/keyring.h"

namespace strongroom::encryption_sdk::internal {

/// Errors: InvalidArgument for an empty namespace or name, or what belongs to KMS.
Status CheckRawNames(std::string_view name_space, std::string_view name);

/// What every OnDecrypt begins with. Errors: InvalidArgument.
Status RequireNoDataKey(const DecryptionMaterials& materials);

/// One encrypted data key that did not open, as a cause; keeps the Errc. `which` names the wrapping key.
Error AttemptFailed(std::string_view which, const Error& error);
Error WrongKeyLength(std::string_view which);

}  // namespace strongroom::encryption_sdk::internal
