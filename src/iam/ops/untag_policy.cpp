// Source: IAM API Reference, "UntagPolicy".
#include "iam/data/tags.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::untag_policy = {
    .target = "iam.UntagPolicy", .iam_action = "iam:UntagPolicy", .handler = Writing<&Untag<&PolicyAsTagOwner>>};

}  // namespace strongroom::iam
