// Source: IAM API Reference, "AttachGroupPolicy".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::attach_group_policy = {.target = "iam.AttachGroupPolicy",
                                                          .iam_action = "iam:AttachGroupPolicy",
                                                          .handler = WritingKind<&AttachPolicy, Kind::kGroup>};

}  // namespace strongroom::iam
