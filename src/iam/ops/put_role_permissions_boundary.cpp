// Source: IAM API Reference, "PutRolePermissionsBoundary".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::put_role_permissions_boundary = {.target = "iam.PutRolePermissionsBoundary",
                                                                    .iam_action = "iam:PutRolePermissionsBoundary",
                                                                    .handler = WritingKind<&PutBoundary, Kind::kRole>};

}  // namespace strongroom::iam
