// Source: IAM API Reference, "PutGroupPolicy".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::put_group_policy = {.target = "iam.PutGroupPolicy",
                                                       .iam_action = "iam:PutGroupPolicy",
                                                       .handler = WritingKind<&PutInlinePolicy, Kind::kGroup>};

}  // namespace strongroom::iam
