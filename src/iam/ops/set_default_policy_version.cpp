// Source: IAM API Reference, "SetDefaultPolicyVersion".
#include "iam/data/managed.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> SetDefaultPolicyVersion(Work& work) {
  SR_TRY(ManagedPolicy policy, NeedOwnPolicy(work));
  SR_TRY(const PolicyVersion version, NeedVersion(work, policy));
  policy.default_version = version.number;
  SR_TRY(policy.updated_at, work.t.NowMillis());
  SR_CHECK(UpdatePolicyRow(work, policy));
  return Done();
}
}  // namespace

constinit const aws::Operation op::set_default_policy_version = {.target = "iam.SetDefaultPolicyVersion",
                                                                 .iam_action = "iam:SetDefaultPolicyVersion",
                                                                 .handler = Writing<&SetDefaultPolicyVersion>};

}  // namespace strongroom::iam
