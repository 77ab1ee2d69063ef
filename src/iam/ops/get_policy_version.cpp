// Source: IAM API Reference, "GetPolicyVersion".
#include "iam/data/managed.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> GetPolicyVersion(Work& work) {
  SR_TRY(const ManagedPolicy policy, NeedPolicy(work));
  SR_TRY(const PolicyVersion version, NeedVersion(work, policy));
  aws::Reply reply;
  reply.Object("PolicyVersion", ShowVersion(policy, version, ShowDocument::kYes));
  return reply;
}
}  // namespace

constinit const aws::Operation op::get_policy_version = {
    .target = "iam.GetPolicyVersion", .iam_action = "iam:GetPolicyVersion", .handler = Reading<&GetPolicyVersion>};

}  // namespace strongroom::iam
