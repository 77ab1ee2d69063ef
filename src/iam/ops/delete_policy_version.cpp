// Source: IAM API Reference, "DeletePolicyVersion".
#include "iam/data/managed.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> DeletePolicyVersion(Work& work) {
  SR_TRY(const ManagedPolicy policy, NeedOwnPolicy(work));
  SR_TRY(const PolicyVersion version, NeedVersion(work, policy));
  if (version.number == policy.default_version) return DeleteConflict("Cannot delete the default version of a policy.");
  SR_CHECK(work.t.Execute("DELETE FROM iam_policy_versions WHERE account_id = $1 AND policy_id = $2 AND version = $3",
                          {store::Text(policy.account), store::Text(policy.id), version.number}));
  return Done();
}
}  // namespace

constinit const aws::Operation op::delete_policy_version = {.target = "iam.DeletePolicyVersion",
                                                            .iam_action = "iam:DeletePolicyVersion",
                                                            .handler = Writing<&DeletePolicyVersion>};

}  // namespace strongroom::iam
