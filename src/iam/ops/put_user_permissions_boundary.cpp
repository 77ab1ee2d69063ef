// Source: IAM API Reference, "PutUserPermissionsBoundary".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::put_user_permissions_boundary = {.target = "iam.PutUserPermissionsBoundary",
                                                                    .iam_action = "iam:PutUserPermissionsBoundary",
                                                                    .handler = WritingKind<&PutBoundary, Kind::kUser>};

}  // namespace strongroom::iam
