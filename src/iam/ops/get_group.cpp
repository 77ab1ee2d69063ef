// Source: IAM API Reference, "GetGroup".
#include "iam/data/entity.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> GetGroup(Work& work) {
  SR_TRY(const Entity group, NeedEntity(work, Kind::kGroup));
  SR_TRY(auto users, ListMembers(work.t, group));
  SR_TRY(aws::Reply shown, ShowEntity(work.t, group, Detail::kFull));
  aws::Reply reply;
  reply.Object("Group", std::move(shown));
  SR_CHECK(AddEntities(work, Kind::kUser, std::move(users), reply));
  return reply;
}
}  // namespace

constinit const aws::Operation op::get_group = {
    .target = "iam.GetGroup", .iam_action = "iam:GetGroup", .handler = Reading<&GetGroup>};

}  // namespace strongroom::iam
