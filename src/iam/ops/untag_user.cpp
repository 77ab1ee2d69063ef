// Source: IAM API Reference, "UntagUser".
#include "iam/data/tags.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::untag_user = {
    .target = "iam.UntagUser", .iam_action = "iam:UntagUser", .handler = Writing<&Untag<&UserAsTagOwner>>};

}  // namespace strongroom::iam
