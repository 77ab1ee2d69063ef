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

/// How a principal that somebody wrote down relates to a caller.
enum class Names : std::uint8_t {
  kNobody,     // somebody else
  kCaller,     // this caller: itself, or the role whose session it is
  kItsAccount  // its account's root, who may delegate by identity policies
};
Names WhoIs(std::string_view principal, const ports::Caller& caller);

}  // namespace strongroom::kms
