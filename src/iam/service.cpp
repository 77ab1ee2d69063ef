#include "iam/service.h"

#include "iam/errors.h"
#include "iam/rows.h"

namespace strongroom::iam {
namespace {
constexpr aws::WireErrors kIamWireErrors =
    aws::CompleteTable(kIamErrors, aws::kCommonQueryErrors, {Errc::kInternal, "ServiceFailure", 500}, aws::kOfKmsAlone);
/// Which temporary credentials count in IAM: roles' sessions, and those of GetSessionToken where a second factor was
/// shown. Source: IAM User Guide, "Comparing AWS STS credentials".
Status AdmitToIam(void*, const aws::Call& call) {
  const ports::Caller& caller = call.caller;
  if (!caller.session || caller.kind == ports::PrincipalKind::kAssumedRole) return {};
  if (caller.kind != ports::PrincipalKind::kFederatedUser && caller.session->mfa_at) return {};
  return Error(Errc::kUnrecognizedClient, "The security token included in the request is invalid");
}
}  // namespace

aws::Service Describe(Iam& service) {
  return {.name = "iam",
          .signing_name = "iam",
          .event_source = "iam.amazonaws.com",
          .protocol = aws::Protocol::kQuery,
          .xml_namespace = "https://iam.amazonaws.com/doc/2010-05-08/",
          .global = true,
          .operations = RowsOf("iam."),
          .instance = &service,
          .errors = &kIamWireErrors,
          .admit = &AdmitToIam};
}

}  // namespace strongroom::iam
