// Source: IAM API Reference, "DeleteOpenIDConnectProvider".
#include "iam/data/oidc.h"
#include "iam/data/tags.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> DeleteOidcProvider(Work& work) {
  SR_TRY(const OidcProvider provider, NeedOidcProvider(work));
  SR_CHECK(work.t.Execute("DELETE FROM iam_oidc_providers WHERE account_id = $1 AND url = $2",
                          {store::Text(provider.account), store::Text(provider.url)}));
  SR_CHECK(DropTags(work, provider.Arn()));
  SR_CHECK(work.Changed(""));
  return Done();
}
}  // namespace

constinit const aws::Operation op::delete_oidc_provider = {.target = "iam.DeleteOpenIDConnectProvider",
                                                           .iam_action = "iam:DeleteOpenIDConnectProvider",
                                                           .handler = Writing<&DeleteOidcProvider>};

}  // namespace strongroom::iam
