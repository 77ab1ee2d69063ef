// Source: IAM API Reference, "DeletePolicy".
#include "iam/data/managed.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> DeletePolicy(Work& work) {
  SR_TRY(const ManagedPolicy policy, NeedOwnPolicy(work));
  SR_TRY(const PolicyUse use, CountUse(work.t, work.account(), policy.arn));
  if (use.attachments + use.boundaries != 0) return DeleteConflict("Cannot delete a policy attached to entities.");
  SR_TRY(const auto versions, ReadVersions(work.t, policy));
  if (versions.size() > 1) {
    return DeleteConflict(
        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The "
        "default version is deleted with the policy.");
  }
  SR_CHECK(work.t.Execute("DELETE FROM iam_policy_versions WHERE account_id = $1 AND policy_id = $2",
                          {store::Text(policy.account), store::Text(policy.id)}));
  SR_CHECK(work.t.Execute("DELETE FROM iam_policies WHERE account_id = $1 AND arn = $2",
                          {store::Text(policy.account), store::Text(policy.arn)}));
  SR_CHECK(DropTags(work, policy.id));
  SR_CHECK(work.Changed(policy.id));
  return Done();
}
}  // namespace

constinit const aws::Operation op::delete_policy = {
    .target = "iam.DeletePolicy", .iam_action = "iam:DeletePolicy", .handler = Writing<&DeletePolicy>};

}  // namespace strongroom::iam
