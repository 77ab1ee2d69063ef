// Source: IAM API Reference, "ListOpenIDConnectProviders".
#include "iam/data/oidc.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> ListOidcProviders(Work& work) {
  SR_CHECK(work.Authorize(IamArn(work.account(), "oidc-provider", "/", "*")));
  SR_TRY(const auto providers, ListOidc(work.t, work.account()));
  std::vector<aws::Reply> shown;
  for (const OidcProvider& one : providers) {
    aws::Reply entry;
    entry.Text("Arn", one.Arn());
    shown.push_back(std::move(entry));
  }
  aws::Reply reply;
  reply.Objects("OpenIDConnectProviderList", std::move(shown));
  return reply;
}
}  // namespace

constinit const aws::Operation op::list_oidc_providers = {.target = "iam.ListOpenIDConnectProviders",
                                                          .iam_action = "iam:ListOpenIDConnectProviders",
                                                          .handler = Reading<&ListOidcProviders>};

}  // namespace strongroom::iam
