// Source: IAM API Reference, "DeleteRolePolicy".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::delete_role_policy = {.target = "iam.DeleteRolePolicy",
                                                         .iam_action = "iam:DeleteRolePolicy",
                                                         .handler = WritingKind<&DeleteInlinePolicy, Kind::kRole>};

}  // namespace strongroom::iam
