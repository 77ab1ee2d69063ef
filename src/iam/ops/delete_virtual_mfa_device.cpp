// Source: IAM API Reference, "DeleteVirtualMFADevice".
#include "iam/data/mfa.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> DeleteVirtualMfaDevice(Work& work) {
  SR_TRY(const MfaDevice device, NeedMfaDevice(work));
  if (!device.user_id.empty()) return DeleteConflict("MFA VirtualDevice in use. Must deactivate first.");
  SR_CHECK(work.t.Execute("DELETE FROM iam_mfa_devices WHERE account_id = $1 AND serial_number = $2",
                          {store::Text(device.account), store::Text(device.serial_number)}));
  SR_CHECK(DropTags(work, device.serial_number));
  return Done();
}
}  // namespace

constinit const aws::Operation op::delete_virtual_mfa_device = {.target = "iam.DeleteVirtualMFADevice",
                                                                .iam_action = "iam:DeleteVirtualMFADevice",
                                                                .handler = Writing<&DeleteVirtualMfaDevice>};

}  // namespace strongroom::iam
