// Source: IAM API Reference, "RemoveUserFromGroup".
#include "iam/data/entity.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> RemoveUserFromGroup(Work& work) {
  SR_TRY(const Entity group, NeedEntity(work, Kind::kGroup));
  SR_TRY(const std::string name, work.in.RequiredString("UserName"));
  SR_TRY(const auto user, FindEntity(work.t, work.account(), Kind::kUser, name));
  if (!user) return NoSuchEntity(Kind::kUser, name);
  SR_CHECK(work.t.Execute("DELETE FROM iam_memberships WHERE account_id = $1 AND group_id = $2 AND user_id = $3",
                          {store::Text(work.account()), store::Text(group.id), store::Text(user->id)}));
  SR_CHECK(work.Changed(user->id));
  return Done();
}
}  // namespace

constinit const aws::Operation op::remove_user_from_group = {.target = "iam.RemoveUserFromGroup",
                                                             .iam_action = "iam:RemoveUserFromGroup",
                                                             .handler = Writing<&RemoveUserFromGroup>};

}  // namespace strongroom::iam
