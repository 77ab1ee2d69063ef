// Source: IAM API Reference, "GetLoginProfile".
#include "iam/data/passwords.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> GetLoginProfile(Work& work) {
  SR_TRY(const Entity user, NeedEntity(work, Kind::kUser, NameMember::kOrCaller));
  SR_TRY(const auto profile, FindLoginProfile(work.t, work.account(), user.id));
  if (!profile) return NoSuchLoginProfile(user.name);
  return ShowLoginProfile(user, *profile);
}
}  // namespace

constinit const aws::Operation op::get_login_profile = {
    .target = "iam.GetLoginProfile", .iam_action = "iam:GetLoginProfile", .handler = Reading<&GetLoginProfile>};

}  // namespace strongroom::iam
