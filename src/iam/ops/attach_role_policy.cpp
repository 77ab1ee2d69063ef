// Source: IAM API Reference, "AttachRolePolicy".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::attach_role_policy = {.target = "iam.AttachRolePolicy",
                                                         .iam_action = "iam:AttachRolePolicy",
                                                         .handler = WritingKind<&AttachPolicy, Kind::kRole>};

}  // namespace strongroom::iam
