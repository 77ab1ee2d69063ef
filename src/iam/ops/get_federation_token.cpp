// Source: STS API Reference, "GetFederationToken".
#include "aws/dispatch/question.h"
#include "iam/ops/all.h"
#include "iam/sts/errors.h"
#include "iam/sts/request.h"

namespace strongroom::iam {
namespace {
Task<Result<aws::Reply>> GetFederationToken(Sts& sts, aws::Call& call) {
  SR_CO_TRY(const std::string name, call.body.RequiredString("Name"));
  if (call.caller.session)
    co_return Error(Errc::kAccessDenied, "Cannot call GetFederationToken with session credentials");
  SR_CO_TRY(const SessionRequest request, ReadSessionRequest(sts, call, nullptr));
  const std::string arn = "arn:aws:sts::" + call.caller.account + ":federated-user/" + name;
  call.AuditResource(arn);
  NoteConditions(call, request);
  ports::Question question = aws::QuestionOf(call);
  question.resource = arn;
  SR_CO_CHECK(sts.authorizer().Authorize(question));
  if (!request.tags.empty()) {
    question.action = "sts:TagSession";
    SR_CO_CHECK(sts.authorizer().Authorize(question));
  }
  SR_CO_TRY(const std::chrono::seconds duration, UserDurationOf(call));
  std::string account = call.caller.account;
  std::vector<std::string> arns = request.policy_arns;
  SR_CO_CHECK(co_await CheckPolicyArns(sts, std::move(account), std::move(arns)));
  proto::SessionClaims claims;
  claims.set_kind(proto::SESSION_OF_FEDERATED);
  claims.set_account(call.caller.account);
  claims.set_principal_id(call.caller.principal_id);
  claims.set_name(name);
  claims.set_issued_millis(MillisOf(call.time));
  request.PutInto(claims);
  SR_CO_TRY(SessionTokens::Minted minted, co_await sts.tokens().Mint(std::move(claims), call.time + duration));
  aws::Reply user;
  user.Text("FederatedUserId", call.caller.account + ":" + name).Text("Arn", arn);
  aws::Reply reply;
  ShowCredentials(std::move(minted), reply);
  reply.Object("FederatedUser", std::move(user));
  if (request.packed_percent > 0) reply.Int("PackedPolicySize", request.packed_percent);
  co_return reply;
}
}  // namespace

constinit const aws::Operation op::get_federation_token = {.target = "sts.GetFederationToken",
                                                           .iam_action = "sts:GetFederationToken",
                                                           .handler = aws::Bind<Sts, &GetFederationToken>};

}  // namespace strongroom::iam
