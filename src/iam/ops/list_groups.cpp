// Source: IAM API Reference, "ListGroups".
#include "iam/data/entity.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::list_groups = {
    .target = "iam.ListGroups", .iam_action = "iam:ListGroups", .handler = ReadingKind<&ListKind, Kind::kGroup>};

}  // namespace strongroom::iam
