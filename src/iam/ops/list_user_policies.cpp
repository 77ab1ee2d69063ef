// Source: IAM API Reference, "ListUserPolicies".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::list_user_policies = {.target = "iam.ListUserPolicies",
                                                         .iam_action = "iam:ListUserPolicies",
                                                         .handler = ReadingKind<&ListInlinePolicies, Kind::kUser>};

}  // namespace strongroom::iam
