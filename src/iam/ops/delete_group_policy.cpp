// Source: IAM API Reference, "DeleteGroupPolicy".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::delete_group_policy = {.target = "iam.DeleteGroupPolicy",
                                                          .iam_action = "iam:DeleteGroupPolicy",
                                                          .handler = WritingKind<&DeleteInlinePolicy, Kind::kGroup>};

}  // namespace strongroom::iam
