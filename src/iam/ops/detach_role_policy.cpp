// Source: IAM API Reference, "DetachRolePolicy".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::detach_role_policy = {.target = "iam.DetachRolePolicy",
                                                         .iam_action = "iam:DetachRolePolicy",
                                                         .handler = WritingKind<&DetachPolicy, Kind::kRole>};

}  // namespace strongroom::iam
