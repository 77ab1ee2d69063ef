// Source: IAM API Reference, "ListPolicyTags".
#include "iam/data/tags.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::list_policy_tags = {.target = "iam.ListPolicyTags",
                                                       .iam_action = "iam:ListPolicyTags",
                                                       .handler = Reading<&ListTags<&PolicyAsTagOwner>>};

}  // namespace strongroom::iam
