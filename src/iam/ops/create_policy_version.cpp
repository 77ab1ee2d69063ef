// Source: IAM API Reference, "CreatePolicyVersion".
#include "iam/data/documents.h"
#include "iam/data/managed.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> CreatePolicyVersion(Work& work) {
  SR_TRY(ManagedPolicy policy, NeedOwnPolicy(work));
  SR_TRY(const std::string document, DocumentOfRequest(work, "PolicyDocument", ports::PolicyKind::kIdentity,
                                                       work.limits.policy_characters, "PolicySize"));
  SR_TRY(const bool set_default, work.in.BoolOr("SetAsDefault", false));
  SR_TRY(const auto versions, ReadVersions(work.t, policy));
  if (static_cast<std::int64_t>(versions.size()) >= work.limits.policy_versions) {
    return Error(Errc::kLimitExceeded,
                 fmt::format("A managed policy can have up to {} versions. Before you create a new version, you must "
                             "delete an existing version.",
                             work.limits.policy_versions));
  }
  SR_TRY(policy.updated_at, work.t.NowMillis());
  const PolicyVersion made{policy.next_version++, document, policy.updated_at};
  if (set_default) policy.default_version = made.number;
  SR_CHECK(InsertVersion(work, policy, made.number, document));
  SR_CHECK(UpdatePolicyRow(work, policy));
  aws::Reply reply;
  reply.Object("PolicyVersion", ShowVersion(policy, made, ShowDocument::kNo));
  return reply;
}
}  // namespace

constinit const aws::Operation op::create_policy_version = {.target = "iam.CreatePolicyVersion",
                                                            .iam_action = "iam:CreatePolicyVersion",
                                                            .handler = Writing<&CreatePolicyVersion>};

}  // namespace strongroom::iam
