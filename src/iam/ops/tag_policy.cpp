// Source: IAM API Reference, "TagPolicy".
#include "iam/data/tags.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::tag_policy = {
    .target = "iam.TagPolicy", .iam_action = "iam:TagPolicy", .handler = Writing<&Tag<&PolicyAsTagOwner>>};

}  // namespace strongroom::iam
