#pragma once

#include <string>
#include <string_view>

#include "aws/dispatch/operation.h"
#include "kms/keys/key.h"

namespace strongroom::kms {

/// The policy of a key that is made without one: the account may do everything (spec/kms.md 6.6, exact text).
std::string DefaultPolicy(std::string_view account);

/// Checks a policy text for this key: size, syntax, and, unless bypassed, that the caller, with the present request's
/// conditions and in the key's Region, could still change it. Errors: kLimitExceeded over 32,768 bytes;
/// kMalformedPolicy.
Status CheckPolicy(const ports::Authorizer& authorizer, const aws::Call& call, const std::string& policy,
                   const KeyRow& row, const KeyLabels& labels, bool bypass_lockout_check);

}  // namespace strongroom::kms
