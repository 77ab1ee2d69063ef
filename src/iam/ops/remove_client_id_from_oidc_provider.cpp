// Source: IAM API Reference, "RemoveClientIDFromOpenIDConnectProvider".
#include "iam/data/oidc.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> RemoveOidcClientId(Work& work) {
  SR_TRY(OidcProvider provider, NeedOidcProvider(work));
  SR_TRY(const std::string id, work.in.RequiredString("ClientID"));
  std::erase(provider.client_ids, id);
  SR_CHECK(SaveOidcLists(work, provider));
  return Done();
}
}  // namespace

constinit const aws::Operation op::remove_client_id_from_oidc_provider = {
    .target = "iam.RemoveClientIDFromOpenIDConnectProvider",
    .iam_action = "iam:RemoveClientIDFromOpenIDConnectProvider",
    .handler = Writing<&RemoveOidcClientId>};

}  // namespace strongroom::iam
