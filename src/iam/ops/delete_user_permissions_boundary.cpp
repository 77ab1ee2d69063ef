// Source: IAM API Reference, "DeleteUserPermissionsBoundary".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::delete_user_permissions_boundary = {
    .target = "iam.DeleteUserPermissionsBoundary",
    .iam_action = "iam:DeleteUserPermissionsBoundary",
    .handler = WritingKind<&DeleteBoundary, Kind::kUser>};

}  // namespace strongroom::iam
