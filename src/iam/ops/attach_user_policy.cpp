// Source: IAM API Reference, "AttachUserPolicy".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::attach_user_policy = {.target = "iam.AttachUserPolicy",
                                                         .iam_action = "iam:AttachUserPolicy",
                                                         .handler = WritingKind<&AttachPolicy, Kind::kUser>};

}  // namespace strongroom::iam
