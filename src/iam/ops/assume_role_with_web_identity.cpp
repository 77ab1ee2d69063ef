// Source: STS API Reference, "AssumeRoleWithWebIdentity"; IAM User Guide, "Available keys for AWS OIDC federation".
#include "iam/data/oidc.h"
#include "iam/ops/all.h"
#include "iam/sts/errors.h"
#include "iam/sts/roles.h"

namespace strongroom::iam {
namespace {
constexpr std::string_view kIssuerScheme = "https://";

/// The account's provider that the token names as its issuer. Errors: kBadSignature when there is none.
Task<Result<OidcProvider>> FindIssuer(Sts& sts, const Jwt& token, std::string account) {
  const Error none =
      InvalidIdentityToken("No OpenIDConnect provider found in your account for " + token.issuer.substr(0, 256));
  if (!token.issuer.starts_with(kIssuerScheme)) co_return none;
  auto look = [account = std::move(account),
               url = std::string(WithoutSlashes(token.issuer.substr(kIssuerScheme.size())))](store::Transaction& t) {
    return FindOidcProvider(t, account, url);
  };
  SR_CO_TRY(auto found, co_await sts.database().RunRead(std::move(look)));
  if (!found) co_return none;
  co_return *std::move(found);
}

/// The bearer of the token, as trust policies know it.
ports::Caller WebBearerOf(const Jwt& token, const OidcProvider& provider, const std::string& audience) {
  auto session = std::make_shared<ports::Session>();
  session->federated_provider = provider.Arn();
  session->source_identity = token.source_identity;
  session->claims = {{provider.url + ":aud", audience}, {provider.url + ":sub", token.subject}};
  for (const std::string& method : token.methods) session->claims.push_back({provider.url + ":amr", method});
  ports::Caller caller;
  caller.kind = ports::PrincipalKind::kWebIdentity;
  caller.account = provider.account;
  caller.arn = provider.Arn();
  caller.principal_id = provider.Arn() + ":" + token.subject;
  caller.user_name = token.subject;
  caller.session = std::move(session);
  return caller;
}

Task<Result<aws::Reply>> AssumeRoleWithWebIdentity(Sts& sts, aws::Call& call) {
  SR_CO_TRY(std::string arn, call.body.RequiredString("RoleArn"));
  SR_CO_TRY(const std::string session_name, call.body.RequiredString("RoleSessionName"));
  SR_CO_TRY(const std::string_view text, call.body.RequiredView("WebIdentityToken"));
  if (call.body.Has("ProviderId"))
    co_return StsValidation("ProviderId is for OAuth 2.0 access tokens, which are not taken here.");
  SR_CO_TRY(const Jwt token, ParseJwt(text));
  SR_CO_TRY(SessionRequest request, ReadSessionRequest(sts, call, nullptr));
  SR_CO_CHECK(AddTags(request, token.tags, token.transitive));
  SR_CO_TRY(const AskedRole role, co_await FindRole(sts, call, std::move(arn)));
  std::string account = role.account;
  SR_CO_TRY(const OidcProvider provider, co_await FindIssuer(sts, token, std::move(account)));
  const TrustedIssuer issuer{provider.url, provider.client_ids};
  SR_CO_TRY(const std::string audience, co_await sts.web_identity().Verify(token, issuer, call.time));

  call.proven = WebBearerOf(token, provider, audience);
  const ports::Caller& bearer = *call.proven;
  // Only now: until then anybody could fill the trail of an account that they name.
  call.AuditResource(role.arn);
  NoteConditions(call, request);
  NoteCondition(call, "sts:RoleSessionName", session_name);
  if (!token.source_identity.empty()) NoteCondition(call, "sts:SourceIdentity", token.source_identity);
  const auto authorize = [&](std::string_view action) -> Status {
    if (AuthorizeOnRole(sts, call, bearer, action, role).ok()) return {};
    return Error(Errc::kAccessDenied, "Not authorized to perform " + std::string(action));
  };
  SR_CO_CHECK(authorize(call.iam_action));
  if (!token.tags.empty()) SR_CO_CHECK(authorize("sts:TagSession"));
  if (!token.source_identity.empty()) SR_CO_CHECK(authorize("sts:SetSourceIdentity"));

  const std::chrono::seconds most(role.found->max_session_seconds);
  SR_CO_TRY(const std::chrono::seconds duration,
            DurationOf(call, kUsualRoleSession, most,
                       "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."));
  account = role.account;
  std::vector<std::string> arns = request.policy_arns;
  SR_CO_CHECK(co_await CheckPolicyArns(sts, std::move(account), std::move(arns)));
  proto::SessionClaims claims;
  claims.set_name(session_name);
  claims.set_source_identity(token.source_identity);
  claims.set_federated_provider(provider.Arn());
  for (const ports::Tag& claim : bearer.session->claims) {
    auto* put = claims.add_provider_claims();
    put->set_key(claim.key);
    put->set_value(claim.value);
  }
  SR_CO_TRY(aws::Reply reply, co_await AnswerForRole(sts, call, role, std::move(request), std::move(claims), duration));
  reply.Text("SubjectFromWebIdentityToken", token.subject).Text("Audience", audience).Text("Provider", provider.Arn());
  co_return reply;
}
}  // namespace

constinit const aws::Operation op::assume_role_with_web_identity = {
    .target = "sts.AssumeRoleWithWebIdentity",
    .iam_action = "sts:AssumeRoleWithWebIdentity",
    .handler = aws::Bind<Sts, &AssumeRoleWithWebIdentity>,
    .anonymous = true};

}  // namespace strongroom::iam
