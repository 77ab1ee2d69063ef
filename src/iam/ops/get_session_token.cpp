// Source: STS API Reference, "GetSessionToken".
#include "iam/ops/all.h"
#include "iam/sts/errors.h"
#include "iam/sts/request.h"

namespace strongroom::iam {
namespace {
Task<Result<aws::Reply>> GetSessionToken(Sts& sts, aws::Call& call) {
  // No permission is asked for, as at AWS; only permanent credentials may call it.
  if (call.caller.session) co_return Error(Errc::kAccessDenied, "Cannot call GetSessionToken with session credentials");
  const bool root = call.caller.is_root();
  SR_CO_TRY(const std::chrono::seconds duration, UserDurationOf(call));
  SR_CO_TRY(const std::optional<ports::WallTime> mfa_at, co_await MfaOfRequest(sts, call));
  proto::SessionClaims claims;
  claims.set_kind(root ? proto::SESSION_OF_ROOT : proto::SESSION_OF_USER);
  claims.set_account(call.caller.account);
  claims.set_principal_id(call.caller.principal_id);
  claims.set_issued_millis(MillisOf(call.time));
  if (mfa_at) claims.set_mfa_millis(MillisOf(*mfa_at));
  SR_CO_TRY(SessionTokens::Minted minted, co_await sts.tokens().Mint(std::move(claims), call.time + duration));
  aws::Reply reply;
  ShowCredentials(std::move(minted), reply);
  co_return reply;
}
}  // namespace

constinit const aws::Operation op::get_session_token = {
    .target = "sts.GetSessionToken", .iam_action = "sts:GetSessionToken", .handler = aws::Bind<Sts, &GetSessionToken>};

}  // namespace strongroom::iam
