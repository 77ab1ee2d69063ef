// Source: IAM API Reference, "DetachGroupPolicy".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::detach_group_policy = {.target = "iam.DetachGroupPolicy",
                                                          .iam_action = "iam:DetachGroupPolicy",
                                                          .handler = WritingKind<&DetachPolicy, Kind::kGroup>};

}  // namespace strongroom::iam
