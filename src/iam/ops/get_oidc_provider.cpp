// Source: IAM API Reference, "GetOpenIDConnectProvider".
#include "iam/data/oidc.h"
#include "iam/data/tags.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> GetOidcProvider(Work& work) {
  SR_TRY(const OidcProvider provider, NeedOidcProvider(work));
  SR_TRY(const TagList tags, ReadTags(work.t, work.account(), provider.Arn()));
  aws::Reply reply;
  reply.Text("Url", provider.url)
      .Texts("ClientIDList", provider.client_ids)
      .Texts("ThumbprintList", provider.thumbprints)
      .Timestamp("CreateDate", WallTimeOf(provider.created_at));
  ShowTags(tags, reply);
  return reply;
}
}  // namespace

constinit const aws::Operation op::get_oidc_provider = {.target = "iam.GetOpenIDConnectProvider",
                                                        .iam_action = "iam:GetOpenIDConnectProvider",
                                                        .handler = Reading<&GetOidcProvider>};

}  // namespace strongroom::iam
