// Source: IAM API Reference, "DeleteUserPolicy".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::delete_user_policy = {.target = "iam.DeleteUserPolicy",
                                                         .iam_action = "iam:DeleteUserPolicy",
                                                         .handler = WritingKind<&DeleteInlinePolicy, Kind::kUser>};

}  // namespace strongroom::iam
