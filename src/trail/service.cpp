#include "trail/service.h"

#include "trail/ops/all.h"

namespace strongroom::trail {
namespace {

/// Source: CloudTrail API Reference, "LookupEvents", Errors.
constexpr auto kOwnErrors = std::to_array<aws::WireError>({
    {Errc::kInvalidArgument, "ValidationException", 400},
    {Errc::kAccessDenied, "AccessDeniedException", 400},
    {Errc::kLimitExceeded, "InvalidLookupAttributesException", 400},
    {Errc::kInvalidState, "InvalidTimeRangeException", 400},
    {Errc::kInvalidMarker, "InvalidNextTokenException", 400},
    {Errc::kUnsupported, "UnsupportedOperationException", 400},
});
constexpr auto kUnused =
    std::to_array<Errc>({Errc::kNotFound, Errc::kAlreadyExists, Errc::kConflict, Errc::kInvalidArn, Errc::kTag});
constexpr aws::WireErrors kWireErrors =
    aws::CompleteTable(kOwnErrors, aws::kCommonJsonErrors, {Errc::kInternal, "InternalFailure", 500},
                       aws::Join(aws::kOfKmsAlone, kUnused));

Status Admit(void* instance, const aws::Call& call) {
  return static_cast<CloudTrail*>(instance)->rate.Admit(call.account(), call.region);
}

}  // namespace

aws::Service Describe(CloudTrail& service) {
  return {.name = "cloudtrail",
          .signing_name = "cloudtrail",
          .event_source = "cloudtrail.amazonaws.com",
          .protocol = aws::Protocol::kJson11,
          .message_member = aws::MessageMember::kBoth,
          .operations = kAllRows,
          .instance = &service,
          .errors = &kWireErrors,
          .admit = &Admit};
}

}  // namespace strongroom::trail
