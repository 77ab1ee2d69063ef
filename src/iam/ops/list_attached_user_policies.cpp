// Source: IAM API Reference, "ListAttachedUserPolicies".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::list_attached_user_policies = {
    .target = "iam.ListAttachedUserPolicies",
    .iam_action = "iam:ListAttachedUserPolicies",
    .handler = ReadingKind<&ListAttachedPolicies, Kind::kUser>};

}  // namespace strongroom::iam
