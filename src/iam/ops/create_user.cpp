// Source: IAM API Reference, "CreateUser".
#include "iam/data/entity.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> CreateUser(Work& work) {
  SR_TRY(const NewEntity made, PrepareEntity(work, Kind::kUser));
  SR_CHECK(InsertEntity(work, made));
  SR_TRY(aws::Reply shown, ShowEntity(work.t, made.entity, Detail::kFull));
  aws::Reply reply;
  reply.Object("User", std::move(shown));
  return reply;
}
}  // namespace

constinit const aws::Operation op::create_user = {
    .target = "iam.CreateUser", .iam_action = "iam:CreateUser", .handler = Writing<&CreateUser>};

}  // namespace strongroom::iam
