#include "kms/keys/alias_name.h"

namespace strongroom::kms {

Status CheckAliasName(std::string_view name) {
  constexpr std::string_view kPrefix = "alias/";
  if (!name.starts_with(kPrefix) || name.size() == kPrefix.size())
    return Error(Errc::kInvalidArgument,
                 "Alias must start with the prefix \"alias/\". Please see "
                 "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html");
  if (name.substr(kPrefix.size()).find(':') != std::string_view::npos)
    return Error(Errc::kInvalidArgument, std::string(name) + " contains invalid characters for an alias");
  if (name.starts_with("alias/aws/")) return Error(Errc::kNotAuthorized, "");
  return {};
}

Status CheckAliasTarget(std::string_view target) {
  if (target.starts_with("alias/") || target.find(":alias/") != std::string_view::npos)
    return Error(Errc::kInvalidArgument, "Aliases must refer to keys. Not aliases");
  return {};
}

Task<Result<AliasedKey>> AliasTarget(Kms& kms, const aws::Call& call, std::string name) {
  const std::string account(call.account()), region(call.region);
  SR_CO_TRY(const auto id, co_await kms.keys().FindAlias(account, region, name));
  if (!id) {
    const AliasRow alias{account, region, name, ""};
    co_return Error(Errc::kNotFound, "Alias " + alias.Arn() + " is not found.");
  }
  SR_CO_TRY(KeyPtr key, co_await kms.keys().Find(account, region, *id));
  co_return AliasedKey{*id, std::move(key)};
}

Task<Result<aws::Reply>> ChangeAlias(Kms& kms, const AliasRow& alias, AliasAttempt attempt) {
  for (int tries = 0; tries < 2; ++tries) {
    SR_CO_TRY(const bool changed, co_await attempt());
    kms.keys().ForgetAlias(alias);
    if (changed) co_return aws::Reply::NoBody();
  }
  co_return Error(Errc::kConflict, "Alias " + alias.Arn() + " is being changed by another request.");
}

}  // namespace strongroom::kms
