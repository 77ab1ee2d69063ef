// Source: AWS KMS API Reference, "CreateAlias".
#include "kms/keys/alias_name.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> CreateAlias(Kms& kms, aws::Call& call) {
  SR_CO_TRY(const std::string name, call.body.RequiredString("AliasName"));
  SR_CO_TRY(std::string target, call.body.RequiredString("TargetKeyId"));
  SR_CO_CHECK(CheckAliasName(name));
  SR_CO_CHECK(CheckAliasTarget(target));
  const AliasRow named{std::string(call.account()), std::string(call.region), name, ""};
  call.AuditResource(named.Arn());
  SR_CO_CHECK(AuthorizeAlias(kms, call, named));
  const KeyRules rules{.forms = IdForms::kKeyOnly, .states = kNotPendingDeletion};
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, std::move(target), rules));
  AliasRow alias{std::string(call.account()), std::string(call.region), name, usable.key->row.key_id};
  const std::int64_t limit = kms.limits().aliases_per_key;
  auto insert = [alias, limit, key_arn = usable.key->arn](store::Transaction& t) mutable -> Status {
    SR_TRY(const std::int64_t now, t.NowMillis());
    alias.created_millis = alias.updated_millis = now;
    SR_TRY(const bool inserted, InsertAlias(t, alias));
    if (!inserted) return Error(Errc::kAlreadyExists, "An alias with the name " + alias.Arn() + " already exists");
    SR_TRY(const std::int64_t count, CountAliases(t, alias.account, alias.region, alias.key_id));
    if (count > limit)
      return Error(Errc::kLimitExceeded, key_arn + " has reached its quota of " + std::to_string(limit) + " aliases.");
    return {};
  };
  SR_CO_CHECK(co_await kms.database().Run(std::move(insert)));
  kms.keys().ForgetAlias(alias);
  kms.keys().ForgetKey(usable.key->row);
  co_return aws::Reply::NoBody();
}

}  // namespace

constinit const aws::Operation op::create_alias = {
    .target = "TrentService.CreateAlias", .iam_action = "kms:CreateAlias", .handler = aws::Bind<Kms, &CreateAlias>};

}  // namespace strongroom::kms
