// Source: IAM API Reference, "ListPolicyVersions".
#include "iam/data/managed.h"
#include "iam/ops/all.h"
#include "iam/page.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> ListPolicyVersions(Work& work) {
  SR_TRY(const ManagedPolicy policy, NeedPolicy(work));
  SR_TRY(auto versions, ReadVersions(work.t, policy));
  aws::Reply reply;
  // Newest first.
  const auto key = [](const PolicyVersion& one) { return fmt::format("{:019}", INT64_MAX - one.number); };
  SR_CHECK(CutPage(work, versions, key, reply));
  std::vector<aws::Reply> shown;
  for (const PolicyVersion& one : versions) shown.push_back(ShowVersion(policy, one, ShowDocument::kNo));
  reply.Objects("Versions", std::move(shown));
  return reply;
}
}  // namespace

constinit const aws::Operation op::list_policy_versions = {.target = "iam.ListPolicyVersions",
                                                           .iam_action = "iam:ListPolicyVersions",
                                                           .handler = Reading<&ListPolicyVersions>};

}  // namespace strongroom::iam
