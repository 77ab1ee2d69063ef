// Source: IAM API Reference, "ListGroupPolicies".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::list_group_policies = {.target = "iam.ListGroupPolicies",
                                                          .iam_action = "iam:ListGroupPolicies",
                                                          .handler = ReadingKind<&ListInlinePolicies, Kind::kGroup>};

}  // namespace strongroom::iam
