// Source: IAM API Reference, "UpdateOpenIDConnectProviderThumbprint".
#include "iam/data/oidc.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> UpdateOidcThumbprint(Work& work) {
  SR_TRY(OidcProvider provider, NeedOidcProvider(work));
  SR_TRY(provider.thumbprints, ThumbprintsOfRequest(work));
  SR_CHECK(SaveOidcLists(work, provider));
  return Done();
}
}  // namespace

constinit const aws::Operation op::update_oidc_provider_thumbprint = {
    .target = "iam.UpdateOpenIDConnectProviderThumbprint",
    .iam_action = "iam:UpdateOpenIDConnectProviderThumbprint",
    .handler = Writing<&UpdateOidcThumbprint>};

}  // namespace strongroom::iam
