// Source: IAM API Reference, "DeleteUser".
#include "iam/data/entity.h"
#include "iam/data/mfa.h"
#include "iam/data/passwords.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> DeleteUser(Work& work) {
  SR_TRY(const Entity user, NeedEntity(work, Kind::kUser));
  SR_TRY(const auto key,
         work.t.QueryOne("SELECT 1 FROM access_keys WHERE account_id = $1 AND principal_id = $2 LIMIT 1",
                         {store::Text(user.account), store::Text(user.id)}));
  if (key) return DeleteConflict("Cannot delete entity, must delete access keys first.");
  SR_CHECK(CheckNoPolicies(work, user));
  SR_TRY(const auto groups, ListGroupsOf(work.t, user));
  if (!groups.empty()) return DeleteConflict("Cannot delete entity, must remove users from group first.");
  SR_TRY(const auto profile, FindLoginProfile(work.t, user.account, user.id));
  if (profile) return DeleteConflict("Cannot delete entity, must delete login profile first.");
  SR_TRY(const auto devices, ListMfaOfUser(work.t, user.account, user.id));
  if (!devices.empty()) return DeleteConflict("Cannot delete entity, must delete MFA device first.");
  SR_CHECK(EraseEntity(work, user));
  return Done();
}
}  // namespace

constinit const aws::Operation op::delete_user = {
    .target = "iam.DeleteUser", .iam_action = "iam:DeleteUser", .handler = Writing<&DeleteUser>};

}  // namespace strongroom::iam
