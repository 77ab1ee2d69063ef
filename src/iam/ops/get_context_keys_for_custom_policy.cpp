// Source: IAM API Reference, "GetContextKeysForCustomPolicy".
#include "iam/data/simulation.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> GetContextKeysForCustomPolicy(Work& work) {
  SR_CHECK(work.Authorize("*"));
  SR_TRY(const auto policies, PoliciesOfRequest(work, "PolicyInputList", ports::PolicyKind::kIdentity));
  return ShowContextKeys(policies);
}
}  // namespace

constinit const aws::Operation op::get_context_keys_for_custom_policy = {
    .target = "iam.GetContextKeysForCustomPolicy",
    .iam_action = "iam:GetContextKeysForCustomPolicy",
    .handler = Reading<&GetContextKeysForCustomPolicy>};

}  // namespace strongroom::iam
