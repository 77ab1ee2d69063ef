// Source: IAM API Reference, "AddClientIDToOpenIDConnectProvider".
#include "iam/data/oidc.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> AddOidcClientId(Work& work) {
  SR_TRY(OidcProvider provider, NeedOidcProvider(work));
  SR_TRY(const std::string id, work.in.RequiredString("ClientID"));
  if (id.find('\n') != std::string::npos) return InvalidInput("A client id has no line breaks.");
  if (std::ranges::find(provider.client_ids, id) != provider.client_ids.end()) return Done();
  if (provider.client_ids.size() >= kMostClientIds)
    return QuotaExceeded("ClientIdsPerOpenIdConnectProvider", kMostClientIds);
  provider.client_ids.push_back(id);
  SR_CHECK(SaveOidcLists(work, provider));
  return Done();
}
}  // namespace

constinit const aws::Operation op::add_client_id_to_oidc_provider = {
    .target = "iam.AddClientIDToOpenIDConnectProvider",
    .iam_action = "iam:AddClientIDToOpenIDConnectProvider",
    .handler = Writing<&AddOidcClientId>};

}  // namespace strongroom::iam
