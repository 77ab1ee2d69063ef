// Source: IAM API Reference, "GetMFADevice".
#include "iam/data/mfa.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> GetMfaDevice(Work& work) {
  SR_TRY(const UsersDevice found, NeedUsersDevice(work));
  aws::Reply reply;
  reply.Text("UserName", found.user.name)
      .Text("SerialNumber", found.device.serial_number)
      .Timestamp("EnableDate", WallTimeOf(found.device.enabled_at.value_or(0)));
  return reply;
}
}  // namespace

constinit const aws::Operation op::get_mfa_device = {
    .target = "iam.GetMFADevice", .iam_action = "iam:GetMFADevice", .handler = Reading<&GetMfaDevice>};

}  // namespace strongroom::iam
