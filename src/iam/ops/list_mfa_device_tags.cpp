// Source: IAM API Reference, "ListMFADeviceTags".
#include "iam/data/tags.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::list_mfa_device_tags = {.target = "iam.ListMFADeviceTags",
                                                           .iam_action = "iam:ListMFADeviceTags",
                                                           .handler = Reading<&ListTags<&MfaDeviceAsTagOwner>>};

}  // namespace strongroom::iam
