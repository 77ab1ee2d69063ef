#include "iam/sts/roles.h"

#include "aws/dispatch/question.h"
#include "iam/data/tags.h"
#include "iam/sts/errors.h"
#include "ports/principal_directory.h"

namespace strongroom::iam {
namespace {

constexpr std::string_view kTrustsNobody =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"nobody.amazonaws.com"},)"
    R"("Action":"sts:AssumeRole"}]})";

}  // namespace

Task<Result<AskedRole>> FindRole(Sts& sts, aws::Call& call, std::string arn) {
  AskedRole asked;
  const auto parts = ParseIamArn(arn);
  if (!parts || parts->type != "role") co_return StsValidation(arn.substr(0, 256) + " is invalid");
  asked.arn = std::move(arn);
  asked.account = parts->account;
  struct Seen {
    std::optional<Entity> role;
    TagList tags;
  };
  auto look = [arn = asked.arn, account = parts->account, name = parts->name()](store::Transaction& t) -> Result<Seen> {
    Seen seen;
    SR_TRY(seen.role, FindEntity(t, account, Kind::kRole, name));
    if (seen.role && seen.role->Arn() != arn) seen.role.reset();
    if (!seen.role) return seen;
    SR_TRY(seen.tags, ReadTags(t, account, seen.role->id));
    return seen;
  };
  SR_CO_TRY(Seen seen, co_await sts.database().RunRead(std::move(look)));
  asked.found = std::move(seen.role);
  for (const auto& [key, value] : seen.tags) {
    call.conditions["aws:ResourceTag/" + key] = {value};
    call.conditions["iam:ResourceTag/" + key] = {value};
  }
  SR_CO_TRY(const ports::PrincipalIds ids,
            ports::ReadPrincipalIds(asked.found ? asked.found->trust_principals : std::string()));
  SR_CO_TRY(asked.trust, sts.authorizer().Compile(ports::PolicyKind::kTrust,
                                                  asked.found ? asked.found->trust_policy : kTrustsNobody, ids));
  co_return asked;
}

Status AuthorizeOnRole(const Sts& sts, const aws::Call& call, const ports::Caller& caller, std::string_view action,
                       const AskedRole& role) {
  const ports::Question of_call = aws::QuestionOf(call);
  const ports::Question question{.caller = caller,
                                 .action = action,
                                 .resource = role.arn,
                                 .resource_account = role.account,
                                 .policy = role.trust.get(),
                                 .context = of_call.context,
                                 .request = of_call.request};
  SR_CHECK(sts.authorizer().Authorize(question));
  // Whoever is allowed everything is not thereby let into a role that does not exist.
  if (!role.found) {
    return Error(Errc::kAccessDenied, "User: " + caller.arn + " is not authorized to perform: " + std::string(action) +
                                          " on resource: " + role.arn);
  }
  return {};
}

Task<Result<aws::Reply>> AnswerForRole(Sts& sts, aws::Call& call, const AskedRole& role, SessionRequest request,
                                       proto::SessionClaims claims, std::chrono::seconds duration) {
  const Entity& entity = *role.found;
  claims.set_kind(proto::SESSION_OF_ROLE);
  claims.set_account(entity.account);
  claims.set_principal_id(entity.id);
  claims.set_issued_millis(MillisOf(call.time));
  request.PutInto(claims);
  const std::string session_name = claims.name(), source_identity = claims.source_identity();
  SR_CO_TRY(SessionTokens::Minted minted, co_await sts.tokens().Mint(std::move(claims), call.time + duration));
  aws::Reply user;
  user.Text("AssumedRoleId", entity.id + ":" + session_name)
      .Text("Arn", "arn:aws:sts::" + entity.account + ":assumed-role/" + entity.name + "/" + session_name);
  aws::Reply reply;
  ShowCredentials(std::move(minted), reply);
  reply.Object("AssumedRoleUser", std::move(user));
  if (request.packed_percent > 0) reply.Int("PackedPolicySize", request.packed_percent);
  if (!source_identity.empty()) reply.Text("SourceIdentity", source_identity);
  co_return reply;
}

}  // namespace strongroom::iam
