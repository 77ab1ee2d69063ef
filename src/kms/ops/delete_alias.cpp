// Source: AWS KMS API Reference, "DeleteAlias".
#include "kms/keys/alias_name.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> DeleteAlias(Kms& kms, aws::Call& call) {
  SR_CO_TRY(const std::string name, call.body.RequiredString("AliasName"));
  SR_CO_CHECK(CheckAliasName(name));
  const AliasRow alias{std::string(call.account()), std::string(call.region), name, ""};
  call.AuditResource(alias.Arn());
  SR_CO_CHECK(AuthorizeAlias(kms, call, alias));
  SR_CO_TRY(const KeyPtr key, co_await AliasTarget(kms, call, name));
  if (key != nullptr) SR_CO_CHECK(co_await AuthorizeOnKey(kms, call, key, call.iam_action, nullptr));
  auto remove = [alias](store::Transaction& t) -> Status {
    SR_TRY(const auto row, LoadAlias(t, alias.account, alias.region, alias.name));
    if (!row) return Error(Errc::kNotFound, "Alias " + alias.Arn() + " is not found.");
    return DeleteAliasRow(t, *row);
  };
  SR_CO_CHECK(co_await kms.database().Run(std::move(remove)));
  kms.keys().ForgetAlias(alias);
  if (key != nullptr) kms.keys().ForgetKey(key->row);
  co_return aws::Reply::NoBody();
}

}  // namespace

constinit const aws::Operation op::delete_alias = {
    .target = "TrentService.DeleteAlias", .iam_action = "kms:DeleteAlias", .handler = aws::Bind<Kms, &DeleteAlias>};

}  // namespace strongroom::kms
