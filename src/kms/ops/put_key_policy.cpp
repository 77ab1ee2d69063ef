// Source: AWS KMS API Reference, "PutKeyPolicy".
#include "kms/keys/policy.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> PutKeyPolicy(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_TRY(const std::string name, call.body.StringOr("PolicyName", "default"));
  SR_CO_TRY(const std::string policy, call.body.RequiredString("Policy"));
  SR_CO_TRY(const bool bypass, call.body.BoolOr("BypassPolicyLockoutSafetyCheck", false));
  const KeyRules rules{.forms = IdForms::kKeyOnly};
  SR_CO_TRY(UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  if (name != "default") co_return Error(Errc::kUnsupported, "The only key policy is named default.");
  SR_CO_TRY(const KeyLabelsPtr labels, co_await LabelsOf(kms, usable.key));
  PolicyCheck check{policy, usable.key->row, *labels, bypass};
  SR_CO_TRY(std::string principals, co_await CheckPolicy(kms, call, std::move(check)));
  ChangeRow change = [policy, principals](store::Transaction&, KeyRow& row) -> Status {
    row.policy = policy;
    row.policy_principals = principals;
    return {};
  };
  SR_CO_CHECK(co_await ChangeKey(kms, std::move(usable.key), kAnyState, std::move(change)));
  co_return aws::Reply::NoBody();
}

}  // namespace

constinit const aws::Operation op::put_key_policy = {
    .target = "TrentService.PutKeyPolicy", .iam_action = "kms:PutKeyPolicy", .handler = aws::Bind<Kms, &PutKeyPolicy>};

}  // namespace strongroom::kms
