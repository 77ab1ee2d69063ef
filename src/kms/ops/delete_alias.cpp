// Source: AWS KMS API Reference, "DeleteAlias".
#include "kms/keys/alias_name.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<bool>> Try(Kms& kms, aws::Call& call, const AliasRow& alias) {
  SR_CO_TRY(const AliasedKey target, co_await AliasTarget(kms, call, alias.name));
  if (target.key != nullptr) SR_CO_CHECK(co_await AuthorizeOnKey(kms, call, target.key, call.iam_action, nullptr));
  auto remove = [alias, permitted = target.key_id](store::Transaction& t) -> Result<bool> {
    SR_TRY(const auto row, LoadAlias(t, alias.account, alias.region, alias.name));
    if (!row) return Error(Errc::kNotFound, "Alias " + alias.Arn() + " is not found.");
    if (row->key_id != permitted) return false;
    SR_CHECK(DeleteAliasRow(t, *row));
    return true;
  };
  auto removed = co_await kms.database().Run(std::move(remove));
  if (target.key != nullptr) kms.keys().ForgetKey(target.key->row);
  co_return removed;
}

Task<Result<aws::Reply>> DeleteAlias(Kms& kms, aws::Call& call) {
  SR_CO_TRY(const std::string name, call.body.RequiredString("AliasName"));
  SR_CO_CHECK(CheckAliasName(name));
  const AliasRow alias{std::string(call.account()), std::string(call.region), name, ""};
  call.AuditResource(alias.Arn());
  SR_CO_CHECK(AuthorizeAlias(kms, call, alias));
  AliasAttempt attempt = [&] { return Try(kms, call, alias); };
  co_return co_await ChangeAlias(kms, alias, std::move(attempt));
}

}  // namespace

constinit const aws::Operation op::delete_alias = {
    .target = "TrentService.DeleteAlias", .iam_action = "kms:DeleteAlias", .handler = aws::Bind<Kms, &DeleteAlias>};

}  // namespace strongroom::kms
