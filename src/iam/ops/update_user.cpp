// Source: IAM API Reference, "UpdateUser".
#include "iam/data/entity.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::update_user = {
    .target = "iam.UpdateUser", .iam_action = "iam:UpdateUser", .handler = WritingKind<&RenameEntity, Kind::kUser>};

}  // namespace strongroom::iam
