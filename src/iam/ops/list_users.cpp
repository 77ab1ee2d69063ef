// Source: IAM API Reference, "ListUsers".
#include "iam/data/entity.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::list_users = {
    .target = "iam.ListUsers", .iam_action = "iam:ListUsers", .handler = ReadingKind<&ListKind, Kind::kUser>};

}  // namespace strongroom::iam
