// Source: IAM API Reference, "UpdateAssumeRolePolicy".
#include "iam/data/documents.h"
#include "iam/data/entity.h"
#include "iam/ops/all.h"
#include "iam/principals/directory.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> UpdateAssumeRolePolicy(Work& work) {
  SR_TRY(const Entity role, NeedEntity(work, Kind::kRole));
  SR_TRY(const std::string document,
         DocumentOfRequest(work, "PolicyDocument", ports::PolicyKind::kTrust, work.limits.trust, "ACLSizePerRole"));
  SR_TRY(const std::string principals, TrustedBy(work, document));
  SR_CHECK(work.t.Execute(
      "UPDATE iam_entities SET trust_policy = $1, trust_principals = $2 WHERE account_id = $3 AND entity_id = $4",
      {store::Text(document), store::Text(principals), store::Text(role.account), store::Text(role.id)}));
  SR_CHECK(work.Changed(role.id));
  return Done();
}
}  // namespace

constinit const aws::Operation op::update_assume_role_policy = {.target = "iam.UpdateAssumeRolePolicy",
                                                                .iam_action = "iam:UpdateAssumeRolePolicy",
                                                                .handler = Writing<&UpdateAssumeRolePolicy>};

}  // namespace strongroom::iam
