#pragma once

#include <string>
#include <string_view>

#include "aws/dispatch/operation.h"
#include "kms/keys/key.h"
#include "kms/service.h"

namespace strongroom::kms {

/// The policy of a key that is made without one: the account may do everything (spec/kms.md 6.6, exact text).
std::string DefaultPolicy(std::string_view account);

/// Checks a policy text for this key: size, syntax, and, unless bypassed, that the caller, with the present request's
/// conditions and in the key's Region, could still change it, which is asked of no DefaultPolicy. Gives the principals
/// that it names, for KeyRow::policy_principals.
/// Errors: kLimitExceeded over 32,768 bytes; kMalformedPolicy, also for principals who do not exist; the store's.
struct PolicyCheck {
  std::string policy;
  const KeyRow& row;
  const KeyLabels& labels;
  bool bypass_lockout_check = false;
};
Task<Result<std::string>> CheckPolicy(Kms& kms, const aws::Call& call, PolicyCheck check);

}  // namespace strongroom::kms
