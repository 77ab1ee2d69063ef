// Source: IAM API Reference, "CreatePolicy".
#include "iam/data/documents.h"
#include "iam/data/managed.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> CreatePolicy(Work& work) {
  ManagedPolicy policy;
  policy.account = work.account();
  SR_TRY(policy.name, work.in.RequiredString("PolicyName"));
  SR_TRY(policy.path, work.in.StringOr("Path", "/"));
  SR_TRY(policy.description, work.in.StringOr("Description", ""));
  policy.arn = IamArn(policy.account, "policy", policy.path, policy.name);
  SR_TRY(const TagList tags, TagsOfRequest(work));
  SR_CHECK(work.Authorize(policy.arn));
  SR_CHECK(AuthorizeTags(work, "iam:TagPolicy", policy.arn, tags));
  SR_TRY(const std::string document, DocumentOfRequest(work, "PolicyDocument", ports::PolicyKind::kIdentity,
                                                       work.limits.policy_characters, "PolicySize"));
  SR_TRY(const auto all, ListOwnPolicies(work.t, work.account()));
  for (const ManagedPolicy& one : all) {
    if (Folded(one.name) != Folded(policy.name)) continue;
    return Error(Errc::kAlreadyExists,
                 fmt::format("A policy called {} already exists. Duplicate names are not allowed.", policy.name));
  }
  if (static_cast<std::int64_t>(all.size()) >= work.limits.policies)
    return QuotaExceeded("PoliciesPerAccount", work.limits.policies);
  policy.id = NewUniqueId("ANPA");
  SR_TRY(policy.created_at, work.t.NowMillis());
  policy.updated_at = policy.created_at;
  SR_CHECK(work.t.Execute(
      "INSERT INTO iam_policies (account_id, name_key, name, path, policy_id, arn, description, default_version, "
      "next_version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 1, 2, $8, $8)",
      {store::Text(policy.account), store::Text(Folded(policy.name)), store::Text(policy.name),
       store::Text(policy.path), store::Text(policy.id), store::Text(policy.arn), store::Text(policy.description),
       policy.created_at}));
  SR_CHECK(InsertVersion(work, policy, 1, document));
  SR_CHECK(PutTags(work, policy.id, tags));
  // Sessions may be limited by it at once.
  SR_CHECK(work.Changed(policy.id));
  SR_TRY(aws::Reply shown, ShowPolicy(work.t, work.account(), policy, Detail::kFull));
  aws::Reply reply;
  reply.Object("Policy", std::move(shown));
  return reply;
}
}  // namespace

constinit const aws::Operation op::create_policy = {
    .target = "iam.CreatePolicy", .iam_action = "iam:CreatePolicy", .handler = Writing<&CreatePolicy>};

}  // namespace strongroom::iam
