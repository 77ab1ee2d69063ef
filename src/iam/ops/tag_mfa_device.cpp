// Source: IAM API Reference, "TagMFADevice".
#include "iam/data/tags.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::tag_mfa_device = {
    .target = "iam.TagMFADevice", .iam_action = "iam:TagMFADevice", .handler = Writing<&Tag<&MfaDeviceAsTagOwner>>};

}  // namespace strongroom::iam
