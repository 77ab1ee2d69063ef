// Source: IAM API Reference, "ListGroupsForUser".
#include "iam/data/entity.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> ListGroupsForUser(Work& work) {
  SR_TRY(const Entity user, NeedEntity(work, Kind::kUser));
  SR_TRY(auto groups, ListGroupsOf(work.t, user));
  aws::Reply reply;
  SR_CHECK(AddEntities(work, Kind::kGroup, std::move(groups), reply));
  return reply;
}
}  // namespace

constinit const aws::Operation op::list_groups_for_user = {
    .target = "iam.ListGroupsForUser", .iam_action = "iam:ListGroupsForUser", .handler = Reading<&ListGroupsForUser>};

}  // namespace strongroom::iam
