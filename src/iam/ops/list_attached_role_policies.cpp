// Source: IAM API Reference, "ListAttachedRolePolicies".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::list_attached_role_policies = {
    .target = "iam.ListAttachedRolePolicies",
    .iam_action = "iam:ListAttachedRolePolicies",
    .handler = ReadingKind<&ListAttachedPolicies, Kind::kRole>};

}  // namespace strongroom::iam
