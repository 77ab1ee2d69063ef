// Source: IAM API Reference, "CreateOpenIDConnectProvider".
#include "iam/data/oidc.h"
#include "iam/data/tags.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
/// "https://issuer.example.com/path" without its scheme. A host without a port, as tokens are verified on 443 only,
/// then a path of letters, digits and -._~/ as in an ARN.
Result<std::string> UrlOf(const Work& work) {
  constexpr std::string_view kScheme = "https://";
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
  SR_TRY(const std::string given, work.in.RequiredString("Url"));
  std::string_view url = given;
  const bool secure = url.starts_with(kScheme);
  if (secure) url.remove_prefix(kScheme.size());
  while (url.ends_with('/')) url.remove_suffix(1);
  const std::string_view host = url.substr(0, url.find('/'));
  if (!secure || host.empty() || host.find_first_of("~_") != std::string_view::npos ||
      url.find_first_not_of(kLetters) != std::string_view::npos) {
    return Error(Errc::kInvalidArgument, "Invalid Open ID Connect Provider URL");
  }
  return std::string(url);
}

Result<aws::Reply> CreateOidcProvider(Work& work) {
  OidcProvider provider;
  provider.account = work.account();
  SR_TRY(provider.url, UrlOf(work));
  SR_TRY(const TagList tags, TagsOfRequest(work));
  SR_CHECK(work.Authorize(provider.Arn()));
  SR_CHECK(AuthorizeTags(work, "iam:TagOpenIDConnectProvider", provider.Arn(), tags));
  SR_TRY(provider.client_ids, work.in.StringList("ClientIDList"));
  if (provider.client_ids.size() > kMostClientIds)
    return QuotaExceeded("ClientIdsPerOpenIdConnectProvider", kMostClientIds);
  for (const std::string& id : provider.client_ids) {
    if (id.find('\n') != std::string::npos) return InvalidInput("A client id has no line breaks.");
  }
  SR_TRY(provider.thumbprints, ThumbprintsOfRequest(work));
  SR_TRY(const auto all, ListOidc(work.t, work.account()));
  for (const OidcProvider& one : all) {
    if (one.url == provider.url)
      return Error(Errc::kAlreadyExists, fmt::format("Provider with url https://{} already exists.", provider.url));
  }
  if (static_cast<std::int64_t>(all.size()) >= work.limits.oidc_providers)
    return QuotaExceeded("OpenIdConnectProvidersPerAccount", work.limits.oidc_providers);
  SR_TRY(provider.created_at, work.t.NowMillis());
  SR_CHECK(
      work.t.Execute("INSERT INTO iam_oidc_providers (account_id, url, client_ids, thumbprints, created_at) "
                     "VALUES ($1, $2, '', '', $3)",
                     {store::Text(provider.account), store::Text(provider.url), provider.created_at}));
  SR_CHECK(SaveOidcLists(work, provider));
  SR_CHECK(PutTags(work, provider.Arn(), tags));
  aws::Reply reply;
  reply.Text("OpenIDConnectProviderArn", provider.Arn());
  if (!tags.empty()) ShowTags(tags, reply);
  return reply;
}
}  // namespace

constinit const aws::Operation op::create_oidc_provider = {.target = "iam.CreateOpenIDConnectProvider",
                                                           .iam_action = "iam:CreateOpenIDConnectProvider",
                                                           .handler = Writing<&CreateOidcProvider>};

}  // namespace strongroom::iam
