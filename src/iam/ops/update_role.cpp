// Source: IAM API Reference, "UpdateRole".
#include "iam/data/entity.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> UpdateRole(Work& work) {
  SR_TRY(const Entity role, NeedEntity(work, Kind::kRole));
  SR_TRY(const std::string description, work.in.StringOr("Description", role.description));
  SR_TRY(const std::int64_t seconds, work.in.IntOr("MaxSessionDuration", role.max_session_seconds));
  SR_CHECK(
      work.t.Execute("UPDATE iam_entities SET description = $1, max_session_seconds = $2 WHERE account_id = $3 AND "
                     "entity_id = $4",
                     {store::Text(description), seconds, store::Text(role.account), store::Text(role.id)}));
  SR_CHECK(work.Changed(role.id));
  return aws::Reply();
}
}  // namespace

constinit const aws::Operation op::update_role = {
    .target = "iam.UpdateRole", .iam_action = "iam:UpdateRole", .handler = Writing<&UpdateRole>};

}  // namespace strongroom::iam
