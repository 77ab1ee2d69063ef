// Source: IAM API Reference, "ListRolePolicies".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::list_role_policies = {.target = "iam.ListRolePolicies",
                                                         .iam_action = "iam:ListRolePolicies",
                                                         .handler = ReadingKind<&ListInlinePolicies, Kind::kRole>};

}  // namespace strongroom::iam
