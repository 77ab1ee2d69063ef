#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "ports/authorizer.h"

namespace strongroom::kms {

class Kms;

/// The unique ids that these users and roles have now; those that are not there, or have none, are left out. One look
/// into the store, and one more for each that is not there. Errors: the store's.
Task<Result<ports::PrincipalIds>> WhoIsThere(Kms& kms, std::vector<std::string> arns);

/// Whether somebody who was written down with this unique id is still who has the ARN. Without an id: always.
bool IsStill(const ports::PrincipalIds& there, const std::string& arn, const std::string& id);

}  // namespace strongroom::kms
