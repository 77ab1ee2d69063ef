// Source: IAM API Reference, "DetachUserPolicy".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::detach_user_policy = {.target = "iam.DetachUserPolicy",
                                                         .iam_action = "iam:DetachUserPolicy",
                                                         .handler = WritingKind<&DetachPolicy, Kind::kUser>};

}  // namespace strongroom::iam
