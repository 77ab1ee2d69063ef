// Source: IAM API Reference, "GetUserPolicy".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::get_user_policy = {.target = "iam.GetUserPolicy",
                                                      .iam_action = "iam:GetUserPolicy",
                                                      .handler = ReadingKind<&GetInlinePolicy, Kind::kUser>};

}  // namespace strongroom::iam
