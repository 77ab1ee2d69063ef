#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace strongroom::encryption_sdk {

/// What can go wrong with a message, in the words of the format. It travels in the tree's Error: the public message is
/// "<Name>: <what to do>", and CodeOf reads the name back. Errors of other parts (KMS, the sink) pass through as they
/// are and have no such code. Source: AWS Encryption SDK specification; the names are ours.
enum class ErrorCode : std::uint8_t {
  kInvalidArgument,
  kReservedContextKey,
  kPlaintextTooLong,
  kLimitExceeded,
  kCommitmentPolicyViolation,
  kSignaturePolicyViolation,
  kBase64Input,
  kUnsupportedVersion,
  kUnsupportedType,
  kUnsupportedSuite,
  kMalformedHeader,
  kTooManyEncryptedDataKeys,
  kVerificationKeyMismatch,
  kInvalidVerificationKey,
  kContextMismatch,
  kNoDataKey,
  kMalformedProviderInfo,
  kCommitmentMismatch,
  kHeaderAuthenticationFailed,
  kMalformedBody,
  kBodyAuthenticationFailed,
  kSignatureInvalid,
  kTrailingData,
  kTruncated,
  kCount_
};

/// "CommitmentMismatch" and so on.
std::string_view Name(ErrorCode code) noexcept;

/// An Error with "<Name>: <text>" as public message and the Errc that stands for the code in this tree.
Error MakeError(ErrorCode code, std::string_view text, boost::source_location where = BOOST_CURRENT_LOCATION);

/// The code of an error made by MakeError; nothing for an error of another part.
std::optional<ErrorCode> CodeOf(const Error& error) noexcept;

/// Whether the same call may succeed later without anyone changing anything: throttling, time-outs, a service that is
/// away. A NoDataKey is so when one of its causes is.
bool IsRetryable(const Error& error) noexcept;

}  // namespace strongroom::encryption_sdk
