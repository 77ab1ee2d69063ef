// Source: IAM API Reference, "CreateRole".
#include "iam/data/documents.h"
#include "iam/data/entity.h"
#include "iam/ops/all.h"
#include "iam/principals/directory.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> CreateRole(Work& work) {
  SR_TRY(NewEntity made, PrepareEntity(work, Kind::kRole));
  SR_TRY(made.entity.trust_policy, DocumentOfRequest(work, "AssumeRolePolicyDocument", ports::PolicyKind::kTrust,
                                                     work.limits.trust, "ACLSizePerRole"));
  SR_TRY(made.entity.trust_principals, TrustedBy(work, made.entity.trust_policy));
  SR_TRY(made.entity.description, work.in.StringOr("Description", ""));
  SR_TRY(made.entity.max_session_seconds, work.in.IntOr("MaxSessionDuration", 3600));
  SR_CHECK(InsertEntity(work, made));
  SR_TRY(aws::Reply shown, ShowEntity(work.t, made.entity, Detail::kFull));
  aws::Reply reply;
  reply.Object("Role", std::move(shown));
  return reply;
}
}  // namespace

constinit const aws::Operation op::create_role = {
    .target = "iam.CreateRole", .iam_action = "iam:CreateRole", .handler = Writing<&CreateRole>};

}  // namespace strongroom::iam
