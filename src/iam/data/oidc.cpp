#include "iam/data/oidc.h"

#include <fmt/ranges.h>

#include "iam/data/tags.h"

namespace strongroom::iam {
namespace {
using store::Text;

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

Result<std::vector<OidcProvider>> SelectProviders(store::Transaction& t, std::string_view where,
                                                  std::initializer_list<store::Value> values) {
  SR_TRY(const store::Rows rows, t.Query(fmt::format("SELECT account_id, url, client_ids, thumbprints, created_at "
                                                     "FROM iam_oidc_providers WHERE {} ORDER BY url",
                                                     where),
                                         values));
  std::vector<OidcProvider> providers;
  for (const store::Row& row : rows)
    providers.push_back({row.Text(0), row.Text(1), LinesOf(row.Text(2)), LinesOf(row.Text(3)), row.Int(4)});
  return providers;
}
}  // namespace

Result<std::optional<OidcProvider>> FindOidcProvider(store::Transaction& t, std::string_view account,
                                                     std::string_view url) {
  SR_TRY(auto found, SelectProviders(t, "account_id = $1 AND url = $2", {Text(account), Text(url)}));
  if (found.empty()) return std::optional<OidcProvider>();
  return std::optional<OidcProvider>(std::move(found.front()));
}

Result<std::vector<OidcProvider>> ListOidc(store::Transaction& t, std::string_view account) {
  return SelectProviders(t, "account_id = $1", {Text(account)});
}

Result<OidcProvider> NeedOidcProvider(Work& work) {
  SR_TRY(const std::string arn, work.in.RequiredString("OpenIDConnectProviderArn"));
  const auto parts = ParseIamArn(arn);
  if (!parts || parts->type != "oidc-provider") return InvalidArn(arn);
  SR_TRY(auto found, FindOidcProvider(work.t, work.account(), parts->rest));
  if (found && found->Arn() != arn) found.reset();  // of another account
  if (found) SR_CHECK(NoteResourceTags(work, arn));
  SR_CHECK(work.Authorize(arn));
  if (!found) return Error(Errc::kNotFound, fmt::format("OpenIDConnect Provider not found for arn {}", arn));
  return *std::move(found);
}

Status SaveOidcLists(Work& work, const OidcProvider& provider) {
  SR_CHECK(work.t.Execute(
      "UPDATE iam_oidc_providers SET client_ids = $1, thumbprints = $2 WHERE account_id = $3 AND url = $4",
      {Text(fmt::format("{}", fmt::join(provider.client_ids, "\n"))),
       Text(fmt::format("{}", fmt::join(provider.thumbprints, "\n"))), Text(provider.account), Text(provider.url)}));
  return work.Changed("");
}

Result<std::vector<std::string>> ThumbprintsOfRequest(const Work& work) {
  SR_TRY(std::vector<std::string> thumbprints, work.in.StringList("ThumbprintList"));
  if (thumbprints.size() > kMostThumbprints) return InvalidInput("Thumbprint list must contain fewer than 5 entries.");
  for (std::string& one : thumbprints) {
    one = Folded(one);
    if (one.find_first_not_of("0123456789abcdef") != std::string::npos)
      return InvalidInput("A thumbprint is a SHA-1 fingerprint in 40 hexadecimal digits.");
  }
  return thumbprints;
}

}  // namespace strongroom::iam
