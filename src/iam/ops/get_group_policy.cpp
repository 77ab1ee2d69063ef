// Source: IAM API Reference, "GetGroupPolicy".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::get_group_policy = {.target = "iam.GetGroupPolicy",
                                                       .iam_action = "iam:GetGroupPolicy",
                                                       .handler = ReadingKind<&GetInlinePolicy, Kind::kGroup>};

}  // namespace strongroom::iam
