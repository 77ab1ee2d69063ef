#pragma once

#include <set>
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

/// The unique ids that these users and roles have now; those that are not there, or have none, are left out. One look
/// into the store, and one more for each that is not there. Errors: the store's.
Task<Result<PrincipalIds>> WhoIsThere(PrincipalDirectory& directory, std::vector<std::string> arns);
/// Whether somebody who was written down with this unique id is still who has the ARN. Without an id: always.
bool IsStill(const PrincipalIds& there, const std::string& arn, const std::string& id);
/// The ARNs of those who are not there any more, or are others by that name. Errors: the store's.
Task<Result<std::set<std::string, std::less<>>>> WhoIsGone(PrincipalDirectory& directory, PrincipalIds ids);

/// How ids are kept beside a policy's text: a line "<ARN> <id>" each. ARNs of principals have no spaces.
std::string TextOf(const PrincipalIds& ids);
/// Errors: kCorrupted.
Result<PrincipalIds> ReadPrincipalIds(std::string_view text);

}  // namespace strongroom::ports
