// Source: IAM API Reference, "ListRoles".
#include "iam/data/entity.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::list_roles = {
    .target = "iam.ListRoles", .iam_action = "iam:ListRoles", .handler = ReadingKind<&ListKind, Kind::kRole>};

}  // namespace strongroom::iam
