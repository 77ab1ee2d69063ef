// Source: STS API Reference, "AssumeRole"; IAM User Guide, "Passing session tags" and "Role chaining".
#include "iam/ops/all.h"
#include "iam/sts/errors.h"
#include "iam/sts/roles.h"

namespace strongroom::iam {
namespace {
Error RoleForbidden(std::string text) { return Error(Errc::kAccessDenied, std::move(text)); }

Task<Result<aws::Reply>> AssumeRole(Sts& sts, aws::Call& call) {
  SR_CO_TRY(std::string arn, call.body.RequiredString("RoleArn"));
  SR_CO_TRY(const std::string session_name, call.body.RequiredString("RoleSessionName"));
  SR_CO_TRY(const auto external_id, call.body.OptionalString("ExternalId"));
  SR_CO_TRY(auto source_identity, call.body.OptionalString("SourceIdentity"));
  if (call.body.Has("ProvidedContexts"))
    co_return Error(Errc::kInvalidArgument, "ProvidedContexts are not taken: there are no context providers here.");
  call.AuditResource(arn);
  if (call.caller.is_root()) co_return RoleForbidden("Roles may not be assumed by root accounts.");
  const ports::Session* parent = call.caller.session.get();
  SR_CO_TRY(SessionRequest request, ReadSessionRequest(sts, call, parent));
  if (parent != nullptr && !parent->source_identity.empty()) {
    if (source_identity && *source_identity != parent->source_identity)
      co_return RoleForbidden("The source identity of a session cannot be changed.");
    source_identity = parent->source_identity;
  }
  SR_CO_TRY(const AskedRole role, co_await FindRole(sts, call, std::move(arn)));

  SR_CO_TRY(const std::optional<ports::WallTime> mfa_at, co_await MfaOfRequest(sts, call));
  NoteConditions(call, request);
  NoteCondition(call, "sts:RoleSessionName", session_name);
  NoteCondition(call, "sts:ExternalId", external_id);
  NoteCondition(call, "sts:SourceIdentity", source_identity);
  if (mfa_at) {
    call.conditions["aws:MultiFactorAuthPresent"] = {"true"};
    call.conditions["aws:MultiFactorAuthAge"] = {"0"};
  }
  SR_CO_CHECK(AuthorizeOnRole(sts, call, call.caller, call.iam_action, role));
  // Those that the caller's session hands down are passed as much as those of the request.
  if (!request.tags.empty()) SR_CO_CHECK(AuthorizeOnRole(sts, call, call.caller, "sts:TagSession", role));
  if (source_identity) SR_CO_CHECK(AuthorizeOnRole(sts, call, call.caller, "sts:SetSourceIdentity", role));

  const std::chrono::seconds most(role.found->max_session_seconds);
  const bool chained = call.caller.kind == ports::PrincipalKind::kAssumedRole;
  SR_CO_TRY(const std::chrono::seconds duration,
            DurationOf(call, kUsualRoleSession, chained ? std::min(most, kMostChainedSession) : most,
                       chained && most > kMostChainedSession
                           ? "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
                             "chaining."
                           : "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."));
  std::vector<std::string> arns = request.policy_arns;
  SR_CO_CHECK(co_await CheckPolicyArns(sts, role.account, std::move(arns)));
  proto::SessionClaims claims;
  claims.set_name(session_name);
  if (source_identity) claims.set_source_identity(*source_identity);
  co_return co_await AnswerForRole(sts, call, role, std::move(request), std::move(claims), duration);
}
}  // namespace

constinit const aws::Operation op::assume_role = {
    .target = "sts.AssumeRole", .iam_action = "sts:AssumeRole", .handler = aws::Bind<Sts, &AssumeRole>};

}  // namespace strongroom::iam
