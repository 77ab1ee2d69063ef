#include "iam/principals/directory.h"

#include <fmt/format.h>

#include <optional>

#include "aws/policy/shown.h"
#include "iam/data/entity.h"

namespace strongroom::iam {
namespace {

/// "arn:aws:sts::111122223333:assumed-role/reader/session": the account and "assumed-role/reader/session".
struct SessionArn {
  std::string account, resource;
};

std::optional<SessionArn> ParseSessionArn(std::string_view arn) {
  constexpr std::string_view kPrefix = "arn:aws:sts::";
  if (!arn.starts_with(kPrefix)) return std::nullopt;
  arn.remove_prefix(kPrefix.size());
  const std::size_t colon = arn.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  return SessionArn{std::string(arn.substr(0, colon)), std::string(arn.substr(colon + 1))};
}

Result<bool> HasAccount(store::Transaction& t, std::string_view account) {
  SR_TRY(const auto row, t.QueryOne("SELECT 1 FROM accounts WHERE account_id = $1", {store::Text(account)}));
  return row.has_value();
}

Result<bool> HasSession(store::Transaction& t, const SessionArn& session) {
  constexpr std::string_view kRole = "assumed-role/";
  if (!session.resource.starts_with(kRole)) return HasAccount(t, session.account);
  const std::string name =
      session.resource.substr(kRole.size(), session.resource.find('/', kRole.size()) - kRole.size());
  SR_TRY(const auto role, FindEntity(t, session.account, Kind::kRole, name));
  return role.has_value() && role->name == name;
}

/// Empty for who is there without a unique id.
Result<std::optional<std::string>> IdOf(store::Transaction& t, const std::string& arn) {
  bool there = false;
  if (const auto session = ParseSessionArn(arn)) {
    SR_TRY(there, HasSession(t, *session));
  } else if (const auto parts = ParseIamArn(arn); parts && (parts->type == "user" || parts->type == "role")) {
    const Kind kind = parts->type == "user" ? Kind::kUser : Kind::kRole;
    SR_TRY(const auto entity, FindEntity(t, parts->account, kind, parts->name()));
    if (entity && entity->Arn() == arn) return std::optional(entity->id);
  } else if (arn.ends_with(":root")) {
    constexpr std::size_t kAccountDigits = 12, kRoot = 5;
    const std::string_view account =
        arn.size() < kAccountDigits + kRoot ? "" : std::string_view(arn).substr(arn.size() - kRoot - kAccountDigits);
    SR_TRY(there, HasAccount(t, account.substr(0, kAccountDigits)));
  }
  return there ? std::optional(std::string()) : std::nullopt;
}

}  // namespace

Result<ports::PrincipalIds> ResolvePrincipals(store::Transaction& t, std::span<const std::string> arns) {
  ports::PrincipalIds ids;
  for (const std::string& arn : arns) {
    SR_TRY(auto id, IdOf(t, arn));
    if (!id) return Error(Errc::kNotFound, arn);
    if (!id->empty()) ids.emplace(arn, std::move(*id));
  }
  return ids;
}

Task<Result<ports::PrincipalIds>> PrincipalDirectory::Resolve(std::vector<std::string> arns) {
  if (arns.empty()) co_return ports::PrincipalIds();
  auto look = [arns = std::move(arns)](store::Transaction& t) { return ResolvePrincipals(t, arns); };
  co_return co_await database_.RunRead(std::move(look));
}

Result<std::string> TrustedBy(Work& work, std::string_view trust_policy) {
  SR_TRY(const auto policy, work.authorizer().Compile(ports::PolicyKind::kTrust, trust_policy));
  auto ids = ResolvePrincipals(work.t, policy->NamedPrincipals());
  if (ids.ok()) return ports::TextOf(*ids);
  if (ids.error().code() != Errc::kNotFound) return std::move(ids).error();
  return Error(Errc::kMalformedPolicy,
               fmt::format("Invalid principal in policy: \"AWS\":\"{}\"", ids.error().public_message()));
}

Result<std::string> ShownTrustPolicy(store::Transaction& t, const Entity& role) {
  SR_TRY(const ports::PrincipalIds ids, ports::ReadPrincipalIds(role.trust_principals));
  std::set<std::string, std::less<>> gone;
  for (const auto& [arn, id] : ids) {
    SR_TRY(const auto now, IdOf(t, arn));
    if (now != id) gone.insert(arn);
  }
  return aws::policy::ShownPolicy(role.trust_policy, ids, gone);
}

}  // namespace strongroom::iam
