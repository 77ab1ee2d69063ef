#include "aws/policy/principals.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace strongroom::aws::policy {
namespace {

bool IsAccount(std::string_view text) {
  return text.size() == 12 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

struct ArnParts {
  std::string_view service, account, resource;
};

/// "arn:<partition>:<service>::<account>:<resource>" without wildcards; empty when it is none.
ArnParts SplitArn(std::string_view text) {
  std::array<std::string_view, 5> parts;
  for (std::string_view& part : parts) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return {};
    part = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  const bool whole = parts[0] == "arn" && !parts[1].empty() && parts[3].empty() && IsAccount(parts[4]) &&
                     !text.empty() && text.find_first_of("*?") == std::string_view::npos;
  return whole ? ArnParts{parts[2], parts[4], text} : ArnParts();
}

/// "user/path/name": something behind each of `slashes` slashes.
bool HasParts(std::string_view resource, std::string_view type, int slashes) {
  if (!resource.starts_with(type)) return false;
  resource.remove_prefix(type.size());
  for (int i = 1; i < slashes; ++i) {
    const std::size_t slash = resource.find('/');
    if (slash == 0 || slash == std::string_view::npos) return false;
    resource.remove_prefix(slash + 1);
  }
  return !resource.empty() && !resource.ends_with('/');
}

bool IsIdentity(const ArnParts& parts) {
  if (parts.service == "iam") return HasParts(parts.resource, "user/", 1) || HasParts(parts.resource, "role/", 1);
  return parts.service == "sts" &&
         (HasParts(parts.resource, "assumed-role/", 2) || HasParts(parts.resource, "federated-user/", 1));
}

bool IsServiceName(std::string_view text) {
  return text.size() > 4 && text.find('.') != std::string_view::npos &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") == std::string_view::npos;
}

/// An OpenID provider's ARN, or the name of a provider that all accounts share ("cognito-identity.amazonaws.com").
bool IsFederated(std::string_view text) {
  const ArnParts parts = SplitArn(text);
  if (parts.service == "iam")
    return HasParts(parts.resource, "oidc-provider/", 1) || HasParts(parts.resource, "saml-provider/", 1);
  return IsServiceName(text);
}

Error Invalid(ports::PolicyKind kind, std::string_view type, std::string_view name) {
  if (kind == ports::PolicyKind::kKey)
    return Error(Errc::kMalformedPolicy, "Policy contains a statement with one or more invalid principals.");
  return Error(Errc::kMalformedPolicy,
               fmt::format("Invalid principal in policy: \"{}\":\"{}\"", type.substr(0, 64), name.substr(0, 256)));
}

/// "*" means principals of accounts.
bool IsOutsider(const ports::Caller& caller) {
  return caller.kind == ports::PrincipalKind::kService || caller.kind == ports::PrincipalKind::kWebIdentity;
}

}  // namespace

Result<Principals> Principals::Read(const Node& node, ports::PolicyKind kind, const ports::PrincipalIds& ids) {
  Principals read;
  if (node.is_text()) {
    if (node.text != "*") return Invalid(kind, "*", node.text);
    read.anyone_ = true;
    return read;
  }
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const Node& names = node.items[i];
    if (names.is_text()) {
      SR_CHECK(read.Add(node.names[i], names.text, kind, ids));
      continue;
    }
    for (const Node& name : names.items) SR_CHECK(read.Add(node.names[i], name.text, kind, ids));
  }
  return read;
}

Status Principals::Add(std::string_view type, const std::string& name, ports::PolicyKind kind,
                       const ports::PrincipalIds& ids) {
  if (type == "AWS") {
    const ArnParts parts = SplitArn(name);
    if (name == "*") {
      anyone_ = true;
    } else if (IsAccount(name)) {
      accounts_.push_back(name);
    } else if (parts.service == "iam" && parts.resource == "root") {
      accounts_.emplace_back(parts.account);
    } else if (IsIdentity(parts)) {
      const auto id = ids.find(name);
      arns_.push_back({name, id == ids.end() ? std::string() : id->second});
    } else {
      return Invalid(kind, type, name);
    }
    return {};
  }
  if (type == "Service" && IsServiceName(name)) {
    services_.push_back(name);
    return {};
  }
  if (type == "Federated" && kind != ports::PolicyKind::kKey && IsFederated(name)) {
    federated_.push_back(name);
    return {};
  }
  return Invalid(kind, type, name);
}

bool Principals::HasAccount(std::string_view account) const {
  return !account.empty() && std::ranges::find(accounts_, account) != accounts_.end();
}

bool Principals::HasArn(std::string_view arn, std::string_view unique_id) const {
  return !arn.empty() && std::ranges::any_of(arns_, [&](const Arn& one) {
    // By its id a principal is known under another name, too, and another one under its name is not.
    return one.unique_id.empty() ? one.arn == arn : one.unique_id == unique_id;
  });
}

bool Principals::HasItself(const ports::Caller& caller) const {
  switch (caller.kind) {
    case ports::PrincipalKind::kService: return std::ranges::find(services_, caller.arn) != services_.end();
    case ports::PrincipalKind::kWebIdentity: return std::ranges::find(federated_, caller.arn) != federated_.end();
    case ports::PrincipalKind::kRoot: return HasAccount(caller.account);
    default: return HasArn(caller.arn, caller.principal_id);
  }
}

bool Principals::HasBehind(const ports::Caller& caller) const { return HasArn(caller.role_arn, caller.behind_id); }

NamedAs Principals::Match(const ports::Caller& caller) const {
  if (HasItself(caller)) return NamedAs::kItself;
  if (IsOutsider(caller)) return NamedAs::kNot;
  if (HasBehind(caller)) return NamedAs::kBehind;
  if (anyone_) return NamedAs::kAnyone;
  return HasAccount(caller.account) ? NamedAs::kAccount : NamedAs::kNot;
}

bool Principals::LeavesOut(const ports::Caller& caller) const {
  if (anyone_ && !IsOutsider(caller)) return true;
  if (!HasItself(caller)) return false;
  switch (caller.kind) {
    case ports::PrincipalKind::kAssumedRole: return HasBehind(caller) && HasAccount(caller.account);
    case ports::PrincipalKind::kUser:
    case ports::PrincipalKind::kFederatedUser: return HasAccount(caller.account);
    default: return true;
  }
}

void Principals::AddNamesTo(std::vector<std::string>& names) const {
  const auto add = [&names](std::string name) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  };
  for (const std::string& account : accounts_) add("arn:aws:iam::" + account + ":root");
  for (const Arn& one : arns_) add(one.arn);
}

}  // namespace strongroom::aws::policy
