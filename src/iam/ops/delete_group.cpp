// Source: IAM API Reference, "DeleteGroup".
#include "iam/data/entity.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> DeleteGroup(Work& work) {
  SR_TRY(const Entity group, NeedEntity(work, Kind::kGroup));
  SR_TRY(const auto users, ListMembers(work.t, group));
  if (!users.empty()) return DeleteConflict("Cannot delete entity, must remove users from group first.");
  SR_CHECK(CheckNoPolicies(work, group));
  SR_CHECK(EraseEntity(work, group));
  return Done();
}
}  // namespace

constinit const aws::Operation op::delete_group = {
    .target = "iam.DeleteGroup", .iam_action = "iam:DeleteGroup", .handler = Writing<&DeleteGroup>};

}  // namespace strongroom::iam
