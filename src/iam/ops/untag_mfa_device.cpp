// Source: IAM API Reference, "UntagMFADevice".
#include "iam/data/tags.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::untag_mfa_device = {.target = "iam.UntagMFADevice",
                                                       .iam_action = "iam:UntagMFADevice",
                                                       .handler = Writing<&Untag<&MfaDeviceAsTagOwner>>};

}  // namespace strongroom::iam
