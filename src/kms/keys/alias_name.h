#pragma once

#include <string_view>

#include "kms/pipeline.h"

namespace strongroom::kms {

/// spec/kms.md 6.1. Errors: kInvalidArgument; kNotAuthorized without text for the reserved alias/aws/.
Status CheckAliasName(std::string_view name);
/// An alias cannot name an alias. Errors: kInvalidArgument.
Status CheckAliasTarget(std::string_view target);
/// The key that an alias of the caller names now; null when it names none that is there. Errors: kNotFound no such
/// alias.
Task<Result<KeyPtr>> AliasTarget(Kms& kms, const aws::Call& call, std::string name);

}  // namespace strongroom::kms
