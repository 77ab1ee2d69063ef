// Source: IAM API Reference, "TagRole".
#include "iam/data/tags.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::tag_role = {
    .target = "iam.TagRole", .iam_action = "iam:TagRole", .handler = Writing<&Tag<&RoleAsTagOwner>>};

}  // namespace strongroom::iam
