#pragma once

#include "aws/dispatch/reply.h"
#include "base/task.h"
#include "kms/grants/grant.h"
#include "kms/page.h"

namespace strongroom::kms {

inline constexpr PageLimits kGrantPages{.default_limit = 50, .max_limit = 100};

/// One page of grants as ListGrants and ListRetirableGrants answer it; `grants` has one too many when there are more.
/// Principals that are not there any more are shown by their unique ids. Errors: the store's.
Task<Result<aws::Reply>> ShowGrants(Kms& kms, Page page, std::vector<Grant> grants);

}  // namespace strongroom::kms
