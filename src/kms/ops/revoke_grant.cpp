// Source: AWS KMS API Reference, "RevokeGrant"; spec/kms.md 6.3.
#include "kms/grants/access.h"
#include "kms/grants/rows.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> RevokeGrant(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_TRY(const std::string grant_id, call.body.RequiredString("GrantId"));
  SR_CO_TRY(const bool dry_run, call.body.BoolOr("DryRun", false));
  const KeyRules rules{.forms = IdForms::kKeyOfAnyAccount};
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  if (!IsGrantId(grant_id)) co_return InvalidGrantId(grant_id);
  SR_CO_TRY(const auto grant, co_await FindGrant(kms, usable.key, grant_id));
  if (!grant) co_return NoSuchGrant(grant_id);
  if (dry_run) co_return DryRunPassed();
  SR_CO_CHECK(co_await RemoveGrant(kms, *grant));
  co_return aws::Reply::NoBody();
}

}  // namespace

constinit const aws::Operation op::revoke_grant = {
    .target = "TrentService.RevokeGrant", .iam_action = "kms:RevokeGrant", .handler = aws::Bind<Kms, &RevokeGrant>};

}  // namespace strongroom::kms
