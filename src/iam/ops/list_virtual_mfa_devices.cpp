// Source: IAM API Reference, "ListVirtualMFADevices".
#include "iam/data/mfa.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> ListVirtualMfaDevices(Work& work) {
  SR_CHECK(work.Authorize("*"));
  SR_TRY(const std::string status, work.in.StringOr("AssignmentStatus", "Any"));
  SR_TRY(auto devices, ListMfaOfAccount(work.t, work.account()));
  std::erase_if(devices, [&](const MfaDevice& one) {
    return status != "Any" && one.user_id.empty() != (status == "Unassigned");
  });
  aws::Reply reply;
  SR_CHECK(CutMfaPage(work, devices, reply));
  std::vector<aws::Reply> shown;
  for (const MfaDevice& one : devices) {
    aws::Reply entry;
    entry.Text("SerialNumber", one.serial_number);
    SR_TRY(const auto user, FindEntityById(work.t, work.account(), one.user_id));
    if (user) {
      SR_TRY(aws::Reply owner, ShowEntity(work.t, *user, Detail::kBrief));
      entry.Object("User", std::move(owner)).Timestamp("EnableDate", WallTimeOf(one.enabled_at.value_or(0)));
    }
    shown.push_back(std::move(entry));
  }
  reply.Objects("VirtualMFADevices", std::move(shown));
  return reply;
}
}  // namespace

constinit const aws::Operation op::list_virtual_mfa_devices = {.target = "iam.ListVirtualMFADevices",
                                                               .iam_action = "iam:ListVirtualMFADevices",
                                                               .handler = Reading<&ListVirtualMfaDevices>};

}  // namespace strongroom::iam
