// Source: CloudHSMv2 API Reference, "PutResourcePolicy"; AWS CloudHSM User Guide, "Working with shared backups".
#include "cloudhsm/backup_policies.h"

#include <array>

#include "cloudhsm/service.h"
#include "ports/principal_directory.h"

namespace strongroom::cloudhsm {
namespace {

constexpr std::string_view kDeniesEverything =
    R"({"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}})";

Result<std::shared_ptr<const ports::Policy>> Compile(const ports::Authorizer& authorizer, const BackupPolicy& policy) {
  SR_TRY(const ports::PrincipalIds ids, ports::ReadPrincipalIds(policy.principals));
  return authorizer.Compile(ports::PolicyKind::kResource, policy.text, ids);
}

}  // namespace

std::optional<BackupName> ReadBackupArn(std::string_view text) {
  constexpr std::string_view kType = "backup/";
  std::array<std::string_view, 5> parts;  // arn, partition, service, region, account
  std::string_view rest = text;
  for (std::string_view& part : parts) {
    const std::size_t colon = rest.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    part = rest.substr(0, colon);
    rest.remove_prefix(colon + 1);
  }
  if (parts[0] != "arn" || parts[2] != "cloudhsm" || parts[4].empty() || !rest.starts_with(kType)) return std::nullopt;
  rest.remove_prefix(kType.size());
  if (!IsBackupId(rest)) return std::nullopt;
  return BackupName{std::string(text), std::string(parts[4]), std::string(rest)};
}

Result<std::string> BackupOfRequest(const aws::Call& call) {
  SR_TRY(const auto arn, call.body.OptionalString("ResourceArn"));
  if (!arn) return Error(Errc::kInvalidArgument, "Specify ResourceArn.");
  std::optional<BackupName> named = ReadBackupArn(*arn);
  if (!named) return Error(Errc::kInvalidArgument, "Only backups have resource policies: " + *arn + " is no backup.");
  if (*arn != ResourceArn(call.region, call.account(), named->id))
    return Error(Errc::kNotFound, "Backup " + named->id + " was not found.");
  return std::move(named->id);
}

Task<Result<BackupPolicy>> CheckBackupPolicy(CloudHsm& service, std::string text) {
  SR_CO_TRY(const auto named, service.authorizer().Compile(ports::PolicyKind::kResource, text));
  const auto ids = co_await service.principals().Resolve(named->NamedPrincipals());
  if (!ids.ok() && ids.error().code() == Errc::kNotFound)
    co_return Error(Errc::kMalformedPolicy, "Policy contains a statement with one or more invalid principals.");
  if (!ids.ok()) co_return ids.error();
  BackupPolicy policy{std::move(text), ports::TextOf(*ids)};
  co_return policy;
}

Result<std::shared_ptr<const ports::Policy>> CompileBackupPolicy(const ports::Authorizer& authorizer,
                                                                 const BackupPolicy& policy) {
  if (policy.text.empty()) return std::shared_ptr<const ports::Policy>();
  auto compiled = Compile(authorizer, policy);
  if (compiled.ok()) return compiled;
  return authorizer.Compile(ports::PolicyKind::kResource, kDeniesEverything);
}

}  // namespace strongroom::cloudhsm
