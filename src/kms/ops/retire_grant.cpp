// Source: AWS KMS API Reference, "RetireGrant"; spec/kms.md 6.3.
#include "kms/grants/access.h"
#include "kms/grants/principal.h"
#include "kms/grants/rows.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

/// The grant that is meant, by token or by key and id.
struct Target {
  KeyPtr key;
  std::string grant_id;
};

Task<Result<Target>> ByToken(Kms& kms, const aws::Call& call, std::string token) {
  SR_CO_TRY(GrantName name, kms.grant_tokens().Read(token));
  if (name.region != call.region) co_return InvalidGrantToken();
  Target target;
  SR_CO_TRY(target.key, co_await kms.keys().Find(name.account, name.region, name.key_id));
  if (target.key == nullptr) co_return NoSuchGrant(name.grant_id);
  target.grant_id = std::move(name.grant_id);
  co_return target;
}

Task<Result<Target>> ById(Kms& kms, const aws::Call& call, std::string key_id, std::string grant_id) {
  // Nobody's permission is known before the grant is: what is wrong with its id must not tell whether there is the key.
  if (!IsGrantId(grant_id)) co_return InvalidGrantId(grant_id);
  SR_CO_TRY(Resolved resolved, co_await ResolveKey(kms, call, std::move(key_id), IdForms::kKeyOfAnyAccount));
  if (resolved.key == nullptr) co_return std::move(resolved.missing);
  Target target{std::move(resolved.key), std::move(grant_id)};
  co_return target;
}

/// The retiring principal, the grantee if RetireGrant is among its operations, and whom the issuing account's identity
/// policies allow. The key's policy cannot allow it, only deny it. That there is no grant is for those to know whom
/// identity policies of the key's account allow to retire one.
Task<Result<bool>> MayRetire(Kms& kms, const aws::Call& call, KeyPtr key, const std::optional<Grant>& grant) {
  SR_CO_TRY(const ports::Decision by_policy, co_await DecideOnKey(kms, call, key, call.iam_action));
  if (by_policy.explicit_deny) co_return false;
  const std::string issuer = RootArn(grant ? grant->issuing_account : key->row.account);
  std::vector<NamedPrincipal> principals;
  if (grant && grant->retiring_principal) principals.push_back({*grant->retiring_principal, grant->retiring_id});
  if (grant && grant->Allows(OperationBit("RetireGrant"), {}))
    principals.push_back({grant->grantee, grant->grantee_id});
  principals.push_back({issuer, {}});
  for (const NamedPrincipal principal : principals) {
    SR_CO_TRY(const bool speaks_for, co_await SpeaksFor(kms, call, principal, key, call.iam_action));
    if (speaks_for) co_return true;
  }
  co_return false;
}

/// In the words in which a key that does not exist is refused.
Task<Status> Refuse(Kms& kms, const aws::Call& call, KeyPtr key) {
  if (key->row.account != call.account()) co_return ForeignDenied(call);
  SR_CO_TRY(const ports::Decision decision, co_await DecideOnKey(kms, call, key, call.iam_action, nullptr, true));
  if (!decision.allowed) co_return Error(Errc::kAccessDenied, decision.message);
  co_return Error(Errc::kAccessDenied,
                  "User: " + call.caller.arn +
                      " is not authorized to perform: kms:RetireGrant on resource: " + key->arn +
                      " because neither the grant nor an identity-based policy allows the kms:RetireGrant action");
}

Task<Result<aws::Reply>> RetireGrant(Kms& kms, aws::Call& call) {
  SR_CO_TRY(const auto token, call.body.OptionalString("GrantToken"));
  SR_CO_TRY(const auto key_id, call.body.OptionalString("KeyId"));
  SR_CO_TRY(const auto grant_id, call.body.OptionalString("GrantId"));
  SR_CO_TRY(const bool dry_run, call.body.BoolOr("DryRun", false));
  const bool by_id = key_id && grant_id;
  if (token.has_value() == (key_id || grant_id) || (!token && !by_id))
    co_return Error(Errc::kInvalidArgument, "Specify either GrantToken, or both KeyId and GrantId.");
  Target target;
  if (token) {
    SR_CO_TRY(target, co_await ByToken(kms, call, *token));
  } else {
    SR_CO_TRY(target, co_await ById(kms, call, *key_id, *grant_id));
  }
  const Key& key = *target.key;
  call.AuditResource(key.arn);
  call.AuditData("grantId", target.grant_id);
  SR_CO_TRY(const auto grant, co_await FindGrant(kms, target.key, target.grant_id));
  // Who has a token of it was told of the grant, and of its key.
  if (!grant && token) co_return NoSuchGrant(target.grant_id);
  SR_CO_TRY(const bool may, co_await MayRetire(kms, call, target.key, grant));
  if (!may) SR_CO_CHECK(co_await Refuse(kms, call, target.key));
  if (!grant) co_return NoSuchGrant(target.grant_id);
  if (dry_run) co_return DryRunPassed();
  SR_CO_CHECK(co_await RemoveGrant(kms, *grant));
  co_return aws::Reply::NoBody();
}

}  // namespace

constinit const aws::Operation op::retire_grant = {
    .target = "TrentService.RetireGrant", .iam_action = "kms:RetireGrant", .handler = aws::Bind<Kms, &RetireGrant>};

}  // namespace strongroom::kms
