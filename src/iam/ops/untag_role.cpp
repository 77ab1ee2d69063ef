// Source: IAM API Reference, "UntagRole".
#include "iam/data/tags.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::untag_role = {
    .target = "iam.UntagRole", .iam_action = "iam:UntagRole", .handler = Writing<&Untag<&RoleAsTagOwner>>};

}  // namespace strongroom::iam
