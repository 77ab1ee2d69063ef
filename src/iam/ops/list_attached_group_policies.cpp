// Source: IAM API Reference, "ListAttachedGroupPolicies".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::list_attached_group_policies = {
    .target = "iam.ListAttachedGroupPolicies",
    .iam_action = "iam:ListAttachedGroupPolicies",
    .handler = ReadingKind<&ListAttachedPolicies, Kind::kGroup>};

}  // namespace strongroom::iam
