#include "iam/accounts.h"

#include "iam/rows.h"

namespace strongroom::iam {
namespace {
constexpr auto kOwnErrorsOfAccounts = std::to_array<aws::WireError>({
    {Errc::kInvalidArgument, "ValidationException", 400},
    {Errc::kAccessDenied, "AccessDeniedException", 400},
    {Errc::kNotFound, "NotFoundException", 400},
    {Errc::kAlreadyExists, "AlreadyExistsException", 400},
    {Errc::kConflict, "ConflictException", 400},
    {Errc::kLimitExceeded, "LimitExceededException", 400},
});
constexpr auto kUnusedByAccounts =
    aws::Join(aws::kOfKmsAlone, std::to_array<Errc>({Errc::kInvalidState, Errc::kUnsupported, Errc::kInvalidArn,
                                                     Errc::kInvalidMarker, Errc::kTag}));
constexpr aws::WireErrors kAccountWireErrors = aws::CompleteTable(
    kOwnErrorsOfAccounts, aws::kCommonJsonErrors, {Errc::kInternal, "InternalException", 500}, kUnusedByAccounts);
}  // namespace

Status Accounts::Authorize(const aws::Call& call) const {
  const ports::Caller& caller = call.caller;
  if (caller.is_root() && !caller.session && caller.account == operator_account_) return {};
  return Error(Errc::kAccessDenied, "User: " + caller.arn +
                                        " is not authorized to perform: " + std::string(call.iam_action) +
                                        " because only the root of the deployment's first account may, with its "
                                        "permanent access key");
}

aws::Service Describe(Accounts& accounts) {
  return {.name = "strongroom",
          .signing_name = "strongroom",
          .event_source = "strongroom",
          .operations = RowsOf("Strongroom."),
          .instance = &accounts,
          .errors = &kAccountWireErrors};
}

}  // namespace strongroom::iam
