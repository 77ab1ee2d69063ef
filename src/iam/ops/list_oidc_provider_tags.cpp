// Source: IAM API Reference, "ListOpenIDConnectProviderTags".
#include "iam/data/tags.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::list_oidc_provider_tags = {.target = "iam.ListOpenIDConnectProviderTags",
                                                              .iam_action = "iam:ListOpenIDConnectProviderTags",
                                                              .handler = Reading<&ListTags<&OidcProviderAsTagOwner>>};

}  // namespace strongroom::iam
