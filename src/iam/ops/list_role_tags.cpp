// Source: IAM API Reference, "ListRoleTags".
#include "iam/data/tags.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::list_role_tags = {
    .target = "iam.ListRoleTags", .iam_action = "iam:ListRoleTags", .handler = Reading<&ListTags<&RoleAsTagOwner>>};

}  // namespace strongroom::iam
