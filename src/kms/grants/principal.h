#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "ports/credentials.h"

namespace strongroom::kms {

/// A grantee or retiring principal: the ARN of an account's root, a user, a role, a role's session or a federated user.
/// Errors: kInvalidArn; kInvalidArgument for a service principal, which customers cannot name (spec/kms.md 6.2).
Status CheckPrincipal(std::string_view text);
/// The account in the ARN of a principal; empty when it is none.
std::string_view AccountOfPrincipal(std::string_view arn) noexcept;
/// "arn:aws:iam::111122223333:root"
std::string RootArn(std::string_view account);

/// A principal that somebody wrote down: by its unique id where it has one, which another one under its name has not.
struct NamedPrincipal {
  std::string_view arn, id;
};
/// Grant::GranteeKey as such. Unique ids are no ARNs.
constexpr bool IsByName(std::string_view grantee_key) noexcept { return grantee_key.starts_with("arn:"); }
constexpr NamedPrincipal PrincipalOfKey(std::string_view grantee_key) noexcept {
  return IsByName(grantee_key) ? NamedPrincipal{grantee_key, {}} : NamedPrincipal{{}, grantee_key};
}

/// How a principal relates to a caller.
enum class Names : std::uint8_t {
  kNobody,     // somebody else
  kCaller,     // this caller: itself, or the role whose session it is
  kItsAccount  // its account's root, who may delegate by identity policies
};
Names WhoIs(NamedPrincipal principal, const ports::Caller& caller);

}  // namespace strongroom::kms
