// Source: IAM API Reference, "UpdateGroup".
#include "iam/data/entity.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::update_group = {
    .target = "iam.UpdateGroup", .iam_action = "iam:UpdateGroup", .handler = WritingKind<&RenameEntity, Kind::kGroup>};

}  // namespace strongroom::iam
