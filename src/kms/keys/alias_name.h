#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "kms/pipeline.h"

namespace strongroom::kms {

/// spec/kms.md 6.1. Errors: kInvalidArgument; kNotAuthorized without text for the reserved alias/aws/.
Status CheckAliasName(std::string_view name);
/// An alias cannot name an alias. Errors: kInvalidArgument.
Status CheckAliasTarget(std::string_view target);
/// The key that an alias of the caller names, as far as this front end knows.
struct AliasedKey {
  std::string key_id;
  KeyPtr key;  // null when it is not there
};
/// Errors: kNotFound no such alias.
Task<Result<AliasedKey>> AliasTarget(Kms& kms, const aws::Call& call, std::string name);

/// A change of an alias, for whose old key the caller has the permission. False when the alias names another key by
/// now, for which the permission says nothing: then nothing is changed.
using AliasAttempt = std::function<Task<Result<bool>>()>;
/// Tries once more when the alias has moved. Errors: the attempt's; kConflict when it has moved again.
Task<Result<aws::Reply>> ChangeAlias(Kms& kms, const AliasRow& alias, AliasAttempt attempt);

}  // namespace strongroom::kms
