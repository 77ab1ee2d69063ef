// Source: IAM API Reference, "GetPolicy".
#include "iam/data/managed.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> GetPolicy(Work& work) {
  SR_TRY(const ManagedPolicy policy, NeedPolicy(work));
  SR_TRY(aws::Reply shown, ShowPolicy(work.t, work.account(), policy, Detail::kFull));
  aws::Reply reply;
  reply.Object("Policy", std::move(shown));
  return reply;
}
}  // namespace

constinit const aws::Operation op::get_policy = {
    .target = "iam.GetPolicy", .iam_action = "iam:GetPolicy", .handler = Reading<&GetPolicy>};

}  // namespace strongroom::iam
