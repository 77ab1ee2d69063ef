// Source: IAM API Reference, "CreateGroup".
#include "iam/data/entity.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> CreateGroup(Work& work) {
  SR_TRY(const NewEntity made, PrepareEntity(work, Kind::kGroup));
  SR_CHECK(InsertEntity(work, made));
  SR_TRY(aws::Reply shown, ShowEntity(work.t, made.entity, Detail::kFull));
  aws::Reply reply;
  reply.Object("Group", std::move(shown));
  return reply;
}
}  // namespace

constinit const aws::Operation op::create_group = {
    .target = "iam.CreateGroup", .iam_action = "iam:CreateGroup", .handler = Writing<&CreateGroup>};

}  // namespace strongroom::iam
