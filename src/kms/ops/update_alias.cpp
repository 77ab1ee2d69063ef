// Source: AWS KMS API Reference, "UpdateAlias".
#include "kms/keys/alias_name.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

/// Both symmetric, both asymmetric or both HMAC, with one usage. HMAC keys have a usage of their own.
bool SameType(const KeyRow& one, const KeyRow& other) {
  constexpr std::string_view kSymmetric = "SYMMETRIC_DEFAULT";
  return one.usage == other.usage && (one.spec == kSymmetric) == (other.spec == kSymmetric);
}

Task<Result<bool>> Try(Kms& kms, aws::Call& call, const AliasRow& named, const std::string& target) {
  SR_CO_TRY(const AliasedKey old, co_await AliasTarget(kms, call, named.name));
  if (old.key != nullptr) {
    SR_CO_CHECK(co_await AuthorizeOnKey(kms, call, old.key, call.iam_action, nullptr));
  }
  const KeyRules rules{.forms = IdForms::kKeyOnly, .states = kNotPendingDeletion};
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, target, rules));
  if (old.key != nullptr && !SameType(old.key->row, usable.key->row))
    co_return Error(
        Errc::kInvalidArgument,
        "The new key must be of the same type and have the same key usage as the key that the alias has now.");
  AliasRow alias = named;
  alias.key_id = usable.key->row.key_id;
  const std::int64_t limit = kms.limits().aliases_per_key;
  auto update = [alias, limit, permitted = old.key_id,
                 target_arn = usable.key->arn](store::Transaction& t) -> Result<bool> {
    SR_TRY(auto row, LoadAlias(t, alias.account, alias.region, alias.name));
    if (!row) return Error(Errc::kNotFound, "Alias " + alias.Arn() + " is not found.");
    if (row->key_id != permitted) return false;
    SR_TRY(const std::int64_t count, CountAliases(t, alias.account, alias.region, alias.key_id));
    if (row->key_id != alias.key_id && count >= limit)
      return Error(Errc::kLimitExceeded,
                   target_arn + " has reached its quota of " + std::to_string(limit) + " aliases.");
    row->key_id = alias.key_id;
    SR_TRY(row->updated_millis, t.NowMillis());
    SR_CHECK(UpdateAliasTarget(t, *row, permitted));
    return true;
  };
  auto updated = co_await kms.database().Run(std::move(update));
  kms.keys().ForgetKey(usable.key->row);
  if (old.key != nullptr) kms.keys().ForgetKey(old.key->row);
  co_return updated;
}

Task<Result<aws::Reply>> UpdateAlias(Kms& kms, aws::Call& call) {
  SR_CO_TRY(const std::string name, call.body.RequiredString("AliasName"));
  SR_CO_TRY(const std::string target, call.body.RequiredString("TargetKeyId"));
  SR_CO_CHECK(CheckAliasName(name));
  SR_CO_CHECK(CheckAliasTarget(target));
  const AliasRow named{std::string(call.account()), std::string(call.region), name, ""};
  call.AuditResource(named.Arn());
  SR_CO_CHECK(AuthorizeAlias(kms, call, named));
  AliasAttempt attempt = [&] { return Try(kms, call, named, target); };
  co_return co_await ChangeAlias(kms, named, std::move(attempt));
}

}  // namespace

constinit const aws::Operation op::update_alias = {
    .target = "TrentService.UpdateAlias", .iam_action = "kms:UpdateAlias", .handler = aws::Bind<Kms, &UpdateAlias>};

}  // namespace strongroom::kms
