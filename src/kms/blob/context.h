#pragma once

#include <map>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace strongroom::kms {

using EncryptionContext = std::map<std::string, std::string>;  // ordered by the keys' bytes

/// The canonical form that is authenticated with a ciphertext (docs/formats.md 6); at most 8,192 bytes.
/// Errors: kInvalidArgument beyond that.
Result<Bytes> CanonicalContext(const EncryptionContext& context);

}  // namespace strongroom::kms
