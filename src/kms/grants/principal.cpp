#include "kms/grants/principal.h"

#include <algorithm>
#include <array>

namespace strongroom::kms {
namespace {

bool IsAccount(std::string_view text) {
  return text.size() == 12 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// "user/<path>/<name>": at least one part after the kind, none of them empty.
bool HasParts(std::string_view resource, std::string_view kind, std::size_t least) {
  if (!resource.starts_with(kind)) return false;
  resource.remove_prefix(kind.size());
  std::size_t parts = 0;
  while (true) {
    const std::size_t slash = resource.find('/');
    if (slash == 0 || resource.empty()) return false;
    ++parts;
    if (slash == std::string_view::npos) return parts >= least;
    resource.remove_prefix(slash + 1);
  }
}

struct Parts {
  std::string_view service, account, resource;
};
/// Empty parts when the text is not "arn:aws:iam|sts::<account>:<resource>".
Parts Split(std::string_view arn) {
  for (const std::string_view service : {"iam", "sts"}) {
    const std::string prefix = "arn:aws:" + std::string(service) + "::";
    if (!arn.starts_with(prefix) || arn.size() < prefix.size() + 14) continue;
    const std::string_view account = arn.substr(prefix.size(), 12);
    if (!IsAccount(account) || arn[prefix.size() + 12] != ':') continue;
    return {service, account, arn.substr(prefix.size() + 13)};
  }
  return {};
}

}  // namespace

Status CheckPrincipal(std::string_view text) {
  const Parts parts = Split(text);
  if (parts.service == "iam" &&
      (parts.resource == "root" || HasParts(parts.resource, "user/", 1) || HasParts(parts.resource, "role/", 1)))
    return {};
  if (parts.service == "sts" &&
      (HasParts(parts.resource, "assumed-role/", 2) || HasParts(parts.resource, "federated-user/", 1)))
    return {};
  if (text.ends_with(".amazonaws.com"))
    return Error(Errc::kInvalidArgument,
                 "The principal " + std::string(text) + " is a service, for which only services can make grants.");
  return Error(Errc::kInvalidArn, "Invalid principal " + std::string(text));
}

std::string_view AccountOfPrincipal(std::string_view arn) noexcept { return Split(arn).account; }

std::string RootArn(std::string_view account) { return "arn:aws:iam::" + std::string(account) + ":root"; }

Names WhoIs(NamedPrincipal principal, const ports::Caller& caller) {
  const bool of_role = caller.kind == ports::PrincipalKind::kAssumedRole;
  if (!principal.id.empty()) {
    const bool caller_itself = principal.id == caller.principal_id || (of_role && principal.id == caller.behind_id);
    return caller_itself ? Names::kCaller : Names::kNobody;
  }
  if (principal.arn.empty()) return Names::kNobody;
  if (principal.arn == caller.arn || (of_role && principal.arn == caller.role_arn)) return Names::kCaller;
  return principal.arn == RootArn(caller.account) ? Names::kItsAccount : Names::kNobody;
}

}  // namespace strongroom::kms
