// Source: IAM API Reference, "ListPolicies".
#include "iam/data/aws_managed.h"
#include "iam/data/managed.h"
#include "iam/ops/all.h"
#include "iam/page.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> ListPolicies(Work& work) {
  SR_TRY(const std::string scope, work.in.StringOr("Scope", "All"));
  SR_TRY(const std::string prefix, work.in.StringOr("PathPrefix", "/"));
  SR_TRY(const std::string usage, work.in.StringOr("PolicyUsageFilter", ""));
  SR_TRY(const bool only_attached, work.in.BoolOr("OnlyAttached", false));
  SR_CHECK(work.Authorize(IamArn(work.account(), "policy", prefix, "")));
  std::vector<ManagedPolicy> policies;
  if (scope != "AWS") {
    SR_TRY(policies, ListOwnPolicies(work.t, work.account()));
  }
  if (scope != "Local") {
    for (const AwsManaged& one : AllAwsManaged()) {
      SR_TRY(ManagedPolicy known, FindManaged(work.t, work.account(), one.Arn()));
      policies.push_back(std::move(known));
    }
  }
  std::vector<ManagedPolicy> wanted;
  for (ManagedPolicy& one : policies) {
    if (!one.path.starts_with(prefix)) continue;
    SR_TRY(const PolicyUse use, CountUse(work.t, work.account(), one.arn));
    if (only_attached && use.attachments == 0) continue;
    if (usage == "PermissionsBoundary" && use.boundaries == 0) continue;
    wanted.push_back(std::move(one));
  }
  aws::Reply reply;
  const auto key = [](const ManagedPolicy& one) {
    return Folded(one.name) + (one.of_aws == nullptr ? "/own" : "/aws");
  };
  SR_CHECK(CutPage(work, wanted, key, reply));
  std::vector<aws::Reply> shown;
  for (const ManagedPolicy& one : wanted) {
    SR_TRY(aws::Reply entry, ShowPolicy(work.t, work.account(), one, Detail::kBrief));
    shown.push_back(std::move(entry));
  }
  reply.Objects("Policies", std::move(shown));
  return reply;
}
}  // namespace

constinit const aws::Operation op::list_policies = {
    .target = "iam.ListPolicies", .iam_action = "iam:ListPolicies", .handler = Reading<&ListPolicies>};

}  // namespace strongroom::iam
