#pragma once

#include <string>

#include "aws/dispatch/wire_error.h"
#include "base/error.h"

namespace strongroom::iam {

/// What a caller of IAM sees. IAM has words of its own for things that no other service knows; they stand here for
/// codes that cannot mean anything else in IAM, and the functions below are the only ones that make them. Source: IAM
/// API Reference, the Errors of each action.
inline constexpr auto kIamErrors = std::to_array<aws::WireError>({
    {Errc::kNotFound, "NoSuchEntity", 404},
    {Errc::kAlreadyExists, "EntityAlreadyExists", 409},
    {Errc::kConflict, "ConcurrentModification", 409},
    {Errc::kLimitExceeded, "LimitExceeded", 409},
    {Errc::kMalformedPolicy, "MalformedPolicyDocument", 400},
    {Errc::kInvalidArn, "InvalidInput", 400},
    {Errc::kTag, "InvalidInput", 400},
    {Errc::kInvalidMarker, "ValidationError", 400},
    {Errc::kInvalidState, "DeleteConflict", 409},
    {Errc::kUnsupported, "PolicyNotAttachable", 400},
    {Errc::kUserBusy, "EntityTemporarilyUnmodifiable", 409},
    {Errc::kBadMac, "InvalidAuthenticationCode", 403},
    {Errc::kLoginFailed, "PasswordPolicyViolation", 400},
    {Errc::kWrongKeyUsage, "InvalidUserType", 400},
});

inline Error InvalidInput(std::string text) { return Error(Errc::kTag, std::move(text)); }
inline Error InvalidArn(std::string_view arn) {
  return Error(Errc::kInvalidArn, "ARN " + std::string(arn.substr(0, 256)) + " is not valid.");
}
inline Error DeleteConflict(std::string text) { return Error(Errc::kInvalidState, std::move(text)); }
inline Error NotAttachable(std::string text) { return Error(Errc::kUnsupported, std::move(text)); }
inline Error TemporarilyUnmodifiable(std::string text) { return Error(Errc::kUserBusy, std::move(text)); }
inline Error WrongAuthenticationCode(std::string text) { return Error(Errc::kBadMac, std::move(text)); }
inline Error PasswordViolation(std::string text) { return Error(Errc::kLoginFailed, std::move(text)); }
inline Error InvalidUserType(std::string text) { return Error(Errc::kWrongKeyUsage, std::move(text)); }
inline Error QuotaExceeded(std::string_view quota, std::int64_t limit) {
  return Error(Errc::kLimitExceeded, "Cannot exceed quota for " + std::string(quota) + ": " + std::to_string(limit));
}

}  // namespace strongroom::iam
