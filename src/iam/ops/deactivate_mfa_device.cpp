// Source: IAM API Reference, "DeactivateMFADevice".
#include "iam/data/mfa.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> DeactivateMfaDevice(Work& work) {
  SR_TRY(UsersDevice found, NeedUsersDevice(work));
  found.device.user_id.clear();
  found.device.enabled_at.reset();
  SR_CHECK(SaveMfaOwner(work, found.device));
  return Done();
}
}  // namespace

constinit const aws::Operation op::deactivate_mfa_device = {.target = "iam.DeactivateMFADevice",
                                                            .iam_action = "iam:DeactivateMFADevice",
                                                            .handler = Writing<&DeactivateMfaDevice>};

}  // namespace strongroom::iam
