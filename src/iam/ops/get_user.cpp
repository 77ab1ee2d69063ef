// Source: IAM API Reference, "GetUser".
#include "iam/data/entity.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> GetUser(Work& work) {
  aws::Reply reply;
  if (!work.in.Has("UserName") && work.caller().is_root()) {
    SR_CHECK(work.Authorize(work.caller().arn));
    SR_TRY(const auto row,
           work.t.QueryOne("SELECT created_at FROM accounts WHERE account_id = $1", {store::Text(work.account())}));
    // Path and name are required by the model, and a root has neither: AWS answers without them.
    aws::Reply root;
    root.Text("UserId", work.account())
        .Text("Arn", work.caller().arn)
        .Timestamp("CreateDate", WallTimeOf(row ? row->Int(0) : 0));
    reply.Object("User", std::move(root));
    return reply;
  }
  SR_TRY(const Entity user, NeedEntity(work, Kind::kUser, NameMember::kOrCaller));
  SR_TRY(aws::Reply shown, ShowEntity(work.t, user, Detail::kFull));
  reply.Object("User", std::move(shown));
  return reply;
}
}  // namespace

constinit const aws::Operation op::get_user = {
    .target = "iam.GetUser", .iam_action = "iam:GetUser", .handler = Reading<&GetUser>};

}  // namespace strongroom::iam
