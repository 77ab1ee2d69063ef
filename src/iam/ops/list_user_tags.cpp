// Source: IAM API Reference, "ListUserTags".
#include "iam/data/tags.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::list_user_tags = {
    .target = "iam.ListUserTags", .iam_action = "iam:ListUserTags", .handler = Reading<&ListTags<&UserAsTagOwner>>};

}  // namespace strongroom::iam
