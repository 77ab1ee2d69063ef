// Source: IAM API Reference, "TagUser".
#include "iam/data/tags.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::tag_user = {
    .target = "iam.TagUser", .iam_action = "iam:TagUser", .handler = Writing<&Tag<&UserAsTagOwner>>};

}  // namespace strongroom::iam
