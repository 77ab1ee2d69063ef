// Source: IAM API Reference, "GetRole".
#include "iam/data/entity.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> GetRole(Work& work) {
  SR_TRY(const Entity role, NeedEntity(work, Kind::kRole));
  SR_TRY(aws::Reply shown, ShowEntity(work.t, role, Detail::kFull));
  aws::Reply reply;
  reply.Object("Role", std::move(shown));
  return reply;
}
}  // namespace

constinit const aws::Operation op::get_role = {
    .target = "iam.GetRole", .iam_action = "iam:GetRole", .handler = Reading<&GetRole>};

}  // namespace strongroom::iam
