// Source: IAM API Reference, "CreateAccessKey".
#include "iam/access_keys.h"
#include "iam/data/keys.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Task<Result<aws::Reply>> CreateAccessKey(Iam& iam, aws::Call& call) {
  auto actor = std::make_shared<const Actor>(iam, call);
  SR_CO_TRY(const KeyHolder holder, co_await RunFor<KeyHolder>(iam, actor, store::Access::kRead, &NeedKeyHolder));
  SR_CO_TRY(AccessKeys::Drawn drawn, co_await iam.access_keys().Draw(std::string(call.account()), holder.principal_id));
  auto write = [key = std::move(drawn.kept)](Work& work) -> Result<KeyFacts> {
    // Looked up again: the user may have gone, or be another one by that name.
    SR_TRY(const KeyHolder now, NeedKeyHolder(work));
    if (now.principal_id != key.principal_id) return NoSuchEntity(Kind::kUser, now.user_name);
    SR_CHECK(InsertAccessKey(work.t, key, now.arn));
    SR_TRY(auto made, FindKey(work.t, work.account(), key.access_key_id));
    if (!made) return Error(Errc::kInternal, "A new access key is not there.");
    return *std::move(made);
  };
  SR_CO_TRY(const KeyFacts made, co_await RunFor<KeyFacts>(iam, actor, store::Access::kWrite, std::move(write)));
  aws::Reply shown;
  if (!holder.user_name.empty()) shown.Text("UserName", holder.user_name);
  shown.Text("AccessKeyId", made.id)
      .Text("Status", made.status)
      .SecretText("SecretAccessKey", std::move(drawn.shown.secret))
      .Timestamp("CreateDate", WallTimeOf(made.created_at));
  aws::Reply reply;
  reply.Object("AccessKey", std::move(shown));
  co_return reply;
}
}  // namespace

constinit const aws::Operation op::create_access_key = {
    .target = "iam.CreateAccessKey", .iam_action = "iam:CreateAccessKey", .handler = aws::Bind<Iam, &CreateAccessKey>};

}  // namespace strongroom::iam
