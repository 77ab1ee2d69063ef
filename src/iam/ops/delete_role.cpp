// Source: IAM API Reference, "DeleteRole".
#include "iam/data/entity.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> DeleteRole(Work& work) {
  SR_TRY(const Entity role, NeedEntity(work, Kind::kRole));
  SR_CHECK(CheckNoPolicies(work, role));
  SR_CHECK(EraseEntity(work, role));
  return Done();
}
}  // namespace

constinit const aws::Operation op::delete_role = {
    .target = "iam.DeleteRole", .iam_action = "iam:DeleteRole", .handler = Writing<&DeleteRole>};

}  // namespace strongroom::iam
