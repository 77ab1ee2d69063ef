// Source: IAM API Reference, "TagOpenIDConnectProvider".
#include "iam/data/tags.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::tag_oidc_provider = {.target = "iam.TagOpenIDConnectProvider",
                                                        .iam_action = "iam:TagOpenIDConnectProvider",
                                                        .handler = Writing<&Tag<&OidcProviderAsTagOwner>>};

}  // namespace strongroom::iam
