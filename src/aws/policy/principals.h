#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aws/policy/tree.h"
#include "base/result.h"
#include "ports/authorizer.h"

namespace strongroom::aws::policy {

/// How a Principal element names a caller: the closest way in which it does.
enum class NamedAs : std::uint8_t {
  kNot,
  kAccount,  // its account, which may delegate by identity policies
  kAnyone,   // "*"
  kBehind,   // the role of its session, or the user who had a federated user made
  kItself,   // its own ARN, a service's name or an identity provider
};

/// The Principal or NotPrincipal of a statement. Immutable.
/// Source: IAM User Guide, "AWS JSON policy elements: Principal", "… NotPrincipal".
class Principals {
 public:
  /// Who may be named: a key's policy knows no federated principals (spec of key policies), the others do.
  static Result<Principals> Read(const Node& node, ports::PolicyKind kind, const ports::PrincipalIds& ids);

  NamedAs Match(const ports::Caller& caller) const;
  /// "*" is among them.
  bool anyone() const noexcept { return anyone_; }
  /// For NotPrincipal: is the caller one of those left out? The account of a user or session and the role of a session
  /// must be named as well as itself.
  bool LeavesOut(const ports::Caller& caller) const;
  void AddNamesTo(std::vector<std::string>& names) const;

 private:
  struct Arn {
    std::string arn;
    std::string unique_id;  // empty: matched by name
  };
  Status Add(std::string_view type, const std::string& name, ports::PolicyKind kind, const ports::PrincipalIds& ids);
  bool HasAccount(std::string_view account) const;
  bool HasArn(std::string_view arn, std::string_view unique_id) const;
  bool HasItself(const ports::Caller& caller) const;
  bool HasBehind(const ports::Caller& caller) const;

  bool anyone_ = false;
  std::vector<std::string> accounts_;
  std::vector<Arn> arns_;
  std::vector<std::string> services_, federated_;
};

}  // namespace strongroom::aws::policy
