// Source: IAM API Reference, "UntagOpenIDConnectProvider".
#include "iam/data/tags.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::untag_oidc_provider = {.target = "iam.UntagOpenIDConnectProvider",
                                                          .iam_action = "iam:UntagOpenIDConnectProvider",
                                                          .handler = Writing<&Untag<&OidcProviderAsTagOwner>>};

}  // namespace strongroom::iam
