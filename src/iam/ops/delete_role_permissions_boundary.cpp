// Source: IAM API Reference, "DeleteRolePermissionsBoundary".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::delete_role_permissions_boundary = {
    .target = "iam.DeleteRolePermissionsBoundary",
    .iam_action = "iam:DeleteRolePermissionsBoundary",
    .handler = WritingKind<&DeleteBoundary, Kind::kRole>};

}  // namespace strongroom::iam
