#pragma once

#include <optional>
#include <string>
#include <vector>

#include "aws/policy/condition.h"
#include "aws/policy/principals.h"
#include "aws/policy/template.h"
#include "ports/authorizer.h"

namespace strongroom::aws::policy {

struct Statement {
  bool allow = false;
  bool not_action = false, not_resource = false, not_principal = false;
  bool idle = false;                       // has no Action or no Resource, which a key's policy may do without effect
  std::vector<Glob> actions;               // in lower case
  std::vector<ResourcePattern> resources;  // of trust policies none: the role is meant
  std::optional<Principals> principals;    // of policies of resources
  std::vector<Condition> conditions;
  Place place;
};

/// What compiling makes of a policy's text.
class CompiledPolicy final : public ports::Policy {
 public:
  CompiledPolicy(ports::PolicyKind kind, std::vector<Statement> statements)
      : kind_(kind), statements_(std::move(statements)) {}
  ports::PolicyKind kind() const noexcept { return kind_; }
  const std::vector<Statement>& statements() const noexcept { return statements_; }
  std::vector<std::string> NamedPrincipals() const override {
    std::vector<std::string> names;
    for (const Statement& one : statements_) {
      if (one.principals) one.principals->AddNamesTo(names);
    }
    return names;
  }

 private:
  ports::PolicyKind kind_;
  std::vector<Statement> statements_;
};

constexpr bool IsOfResource(ports::PolicyKind kind) noexcept {
  return kind == ports::PolicyKind::kKey || kind == ports::PolicyKind::kTrust || kind == ports::PolicyKind::kResource;
}

/// Reads and checks a policy. Errors: kMalformedPolicy: for keys with texts that name statement and element, for IAM's
/// kinds in IAM's words.
Result<std::shared_ptr<const CompiledPolicy>> ReadPolicy(ports::PolicyKind kind, std::string_view text,
                                                         const ports::PrincipalIds& ids);

/// Is the document of IAM's kind well-formed in IAM's eyes? The shape alone has been checked before.
/// Errors: kMalformedPolicy in IAM's words.
Status CheckForIam(ports::PolicyKind kind, const Node& document, const std::vector<const Node*>& statements);

/// The texts of an element that is a text or a list of texts.
std::vector<std::string_view> TextsOf(const Node& node);

}  // namespace strongroom::aws::policy
