#pragma once

#include <array>

#include "aws/dispatch/wire_error.h"

namespace strongroom::cloudhsm {

/// What a caller of CloudHSMv2 sees. Source: CloudHSMv2 API Reference, Errors; spec/cloudhsm.md 2.1 and 2.4. Quotas of
/// creating operations answer CloudHsmServiceException (kResourceExhausted), since their model has no limit exception;
/// the number of tags answers CloudHsmResourceLimitExceededException.
inline constexpr auto kOwnErrors = std::to_array<aws::WireError>({
    {Errc::kInvalidArgument, "CloudHsmInvalidRequestException", 400},
    {Errc::kInvalidState, "CloudHsmInvalidRequestException", 400},
    {Errc::kUnsupported, "CloudHsmInvalidRequestException", 400},
    {Errc::kInvalidArn, "CloudHsmInvalidRequestException", 400},
    {Errc::kInvalidMarker, "CloudHsmInvalidRequestException", 400},
    {Errc::kMalformedPolicy, "CloudHsmInvalidRequestException", 400},
    {Errc::kAlreadyExists, "CloudHsmInvalidRequestException", 400},
    {Errc::kAccessDenied, "CloudHsmAccessDeniedException", 400},
    {Errc::kNotFound, "CloudHsmResourceNotFoundException", 400},
    {Errc::kLimitExceeded, "CloudHsmResourceLimitExceededException", 400},
    {Errc::kResourceExhausted, "CloudHsmServiceException", 400},
    {Errc::kConflict, "CloudHsmServiceException", 400},
    {Errc::kTag, "CloudHsmTagException", 400},
});

inline constexpr aws::WireErrors kWireErrors = aws::CompleteTable(
    kOwnErrors, aws::kCommonJsonErrors, {Errc::kInternal, "CloudHsmInternalFailureException", 500}, aws::kOfKmsAlone);
static_assert(kWireErrors.size() == aws::kErrcCount);

}  // namespace strongroom::cloudhsm
