#pragma once

#include <array>
#include <string>

#include "aws/dispatch/wire_error.h"
#include "base/error.h"

namespace strongroom::iam {

/// What a caller of STS sees where STS has words of its own. Some of them stand here for codes that cannot mean
/// anything else in STS; the functions below are the only ones that make those. Source: STS API Reference, the Errors
/// of each action.
inline constexpr auto kStsErrors = std::to_array<aws::WireError>({
    {Errc::kMalformedPolicy, "MalformedPolicyDocument", 400},
    {Errc::kLimitExceeded, "PackedPolicyTooLarge", 400},
    {Errc::kBadCiphertext, "InvalidAuthorizationMessageException", 400},
    {Errc::kBadSignature, "InvalidIdentityToken", 400},
    {Errc::kBadMac, "IDPRejectedClaim", 403},
    {Errc::kExpiredImportToken, "ExpiredTokenException", 400},
    {Errc::kTimeout, "IDPCommunicationError", 400},
});

inline Error InvalidIdentityToken(std::string text) { return Error(Errc::kBadSignature, std::move(text)); }
inline Error RejectedClaim(std::string text) { return Error(Errc::kBadMac, std::move(text)); }
inline Error ExpiredIdentityToken(std::string text) { return Error(Errc::kExpiredImportToken, std::move(text)); }
inline Error ProviderUnreachable(std::string text) { return Error(Errc::kTimeout, std::move(text)); }
inline Error StsValidation(std::string text) { return Error(Errc::kInvalidArgument, std::move(text)); }

}  // namespace strongroom::iam
