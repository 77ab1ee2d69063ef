#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "ports/authorizer.h"

namespace strongroom::ports {

/// Whom the deployment knows: for policies, which may name only what exists.
/// Threads   any of the loops.
class PrincipalDirectory {
 public:
  virtual ~PrincipalDirectory() = default;

  /// The unique ids of those of `arns` that are users and roles. Accounts (…:root) and the sessions of roles and of
  /// federated users have none; of a session its role must be there, of a federated user its account.
  /// Errors: kNotFound, whose text is the first ARN that nobody has; the store's.
  virtual Task<Result<PrincipalIds>> Resolve(std::vector<std::string> arns) = 0;
};

/// How ids are kept beside a policy's text: a line "<ARN> <id>" each. ARNs of principals have no spaces.
std::string TextOf(const PrincipalIds& ids);
/// Errors: kCorrupted.
Result<PrincipalIds> ReadPrincipalIds(std::string_view text);

}  // namespace strongroom::ports
