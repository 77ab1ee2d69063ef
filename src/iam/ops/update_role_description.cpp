// Source: IAM API Reference, "UpdateRoleDescription".
#include "iam/data/entity.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> UpdateRoleDescription(Work& work) {
  SR_TRY(Entity role, NeedEntity(work, Kind::kRole));
  SR_TRY(role.description, work.in.RequiredString("Description"));
  SR_CHECK(work.t.Execute("UPDATE iam_entities SET description = $1 WHERE account_id = $2 AND entity_id = $3",
                          {store::Text(role.description), store::Text(role.account), store::Text(role.id)}));
  SR_TRY(aws::Reply shown, ShowEntity(work.t, role, Detail::kFull));
  aws::Reply reply;
  reply.Object("Role", std::move(shown));
  return reply;
}
}  // namespace

constinit const aws::Operation op::update_role_description = {.target = "iam.UpdateRoleDescription",
                                                              .iam_action = "iam:UpdateRoleDescription",
                                                              .handler = Writing<&UpdateRoleDescription>};

}  // namespace strongroom::iam
