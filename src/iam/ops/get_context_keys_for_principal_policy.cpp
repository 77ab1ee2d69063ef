// Source: IAM API Reference, "GetContextKeysForPrincipalPolicy".
#include "iam/data/simulation.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> GetContextKeysForPrincipalPolicy(Work& work) {
  SR_TRY(PolicySource source, NeedPolicySource(work));
  SR_TRY(auto given, PoliciesOfRequest(work, "PolicyInputList", ports::PolicyKind::kIdentity));
  for (SimulatedPolicy& one : given) source.policies.push_back(std::move(one));
  return ShowContextKeys(source.policies);
}
}  // namespace

constinit const aws::Operation op::get_context_keys_for_principal_policy = {
    .target = "iam.GetContextKeysForPrincipalPolicy",
    .iam_action = "iam:GetContextKeysForPrincipalPolicy",
    .handler = Reading<&GetContextKeysForPrincipalPolicy>};

}  // namespace strongroom::iam
