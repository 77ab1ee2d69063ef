// Source: IAM API Reference, "ListMFADevices".
#include "iam/data/mfa.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> ListMfaDevices(Work& work) {
  aws::Reply reply;
  std::vector<MfaDevice> devices;
  std::string user_name;
  if (!work.in.Has("UserName") && work.caller().is_root()) {
    SR_CHECK(work.Authorize(work.caller().arn));  // whose own devices are none of IAM's
  } else {
    SR_TRY(const Entity user, NeedEntity(work, Kind::kUser, NameMember::kOrCaller));
    SR_TRY(devices, ListMfaOfUser(work.t, work.account(), user.id));
    user_name = user.name;
  }
  SR_CHECK(CutMfaPage(work, devices, reply));
  std::vector<aws::Reply> shown;
  for (const MfaDevice& one : devices) {
    aws::Reply entry;
    entry.Text("UserName", user_name)
        .Text("SerialNumber", one.serial_number)
        .Timestamp("EnableDate", WallTimeOf(one.enabled_at.value_or(0)));
    shown.push_back(std::move(entry));
  }
  reply.Objects("MFADevices", std::move(shown));
  return reply;
}
}  // namespace

constinit const aws::Operation op::list_mfa_devices = {
    .target = "iam.ListMFADevices", .iam_action = "iam:ListMFADevices", .handler = Reading<&ListMfaDevices>};

}  // namespace strongroom::iam
