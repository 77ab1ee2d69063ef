#include "iam/sts_service.h"

#include "iam/rows.h"
#include "iam/sts/errors.h"

namespace strongroom::iam {
namespace {
/// What no operation of STS answers by itself, and is our own failure should it arrive.
constexpr auto kUnusedBySts = aws::Join(aws::kOfKmsAlone, std::to_array<Errc>({
                                                              Errc::kNotFound,
                                                              Errc::kAlreadyExists,
                                                              Errc::kConflict,
                                                              Errc::kInvalidState,
                                                              Errc::kUnsupported,
                                                              Errc::kInvalidArn,
                                                              Errc::kInvalidMarker,
                                                              Errc::kTag,
                                                          }));
/// Source: STS API Reference, "Common errors".
constexpr aws::WireErrors kStsWireErrors =
    aws::CompleteTable(kStsErrors, aws::kCommonQueryErrors, {Errc::kInternal, "InternalFailure", 500}, kUnusedBySts);

/// Which calls temporary credentials are for. Source: IAM User Guide, "Comparing AWS STS credentials".
Status AdmitToSts(void*, const aws::Call& call) {
  if (!call.caller.session || call.operation == "GetCallerIdentity") return {};
  const ports::PrincipalKind kind = call.caller.kind;
  const bool of_user = kind == ports::PrincipalKind::kUser || kind == ports::PrincipalKind::kRoot;
  if (kind != ports::PrincipalKind::kFederatedUser && !of_user) return {};
  if (of_user && call.operation == "AssumeRole") return {};
  return Error(Errc::kAccessDenied, "Cannot call " + std::string(call.operation) + " with " +
                                        (of_user ? "session" : "federation session") + " credentials");
}
}  // namespace

aws::Service Sts::Service() noexcept {
  return {.name = "sts",
          .signing_name = "sts",
          .event_source = "sts.amazonaws.com",
          .protocol = aws::Protocol::kQuery,
          .xml_namespace = "https://sts.amazonaws.com/doc/2011-06-15/",
          .operations = RowsOf("sts."),
          .instance = this,
          .errors = &kStsWireErrors,
          .admit = &AdmitToSts};
}

}  // namespace strongroom::iam
