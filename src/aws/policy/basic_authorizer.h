#pragma once

#include "ports/authorizer.h"

namespace strongroom::aws {

/// The Authorizer for deployments whose only principals are account roots.
///
/// A resource policy's statements count when their principal is the caller's ARN, the caller's account (id or root ARN)
/// or "*", their action matches ('*' and '?', ignoring case) and their resource is "*" or the resource's ARN. A Deny
/// wins; a delegating Allow is direct for the account's root (spec/kms.md 6.8, 3). A statement with a Condition is
/// taken only as a Deny, never as an Allow, since this engine evaluates no conditions: it errs on the closed side.
/// Actions without a policy are allowed to the root of the account that owns the resource.
class BasicAuthorizer final : public ports::Authorizer {
 public:
  Result<std::shared_ptr<const ports::ResourcePolicy>> Compile(std::string_view policy_text,
                                                               std::string_view owner_account,
                                                               std::string_view resource_arn) const override;
  ports::Decision Decide(const ports::Question& question) const override;
};

/// Does `pattern` ('*' any run, '?' one character) match the whole text? Case is ignored where asked.
enum class Case { kExact, kIgnored };
bool WildcardMatches(std::string_view pattern, std::string_view text, Case letters) noexcept;

}  // namespace strongroom::aws
