// Source: IAM API Reference, "PutUserPolicy".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::put_user_policy = {.target = "iam.PutUserPolicy",
                                                      .iam_action = "iam:PutUserPolicy",
                                                      .handler = WritingKind<&PutInlinePolicy, Kind::kUser>};

}  // namespace strongroom::iam
