#pragma once

#include "aws/dispatch/reply.h"
#include "kms/grants/grant.h"
#include "kms/page.h"

namespace strongroom::kms {

inline constexpr PageLimits kGrantPages{.default_limit = 50, .max_limit = 100};

/// One page of grants as ListGrants and ListRetirableGrants answer it; `grants` has one too many when there are more.
aws::Reply ShowGrants(Kms& kms, const Page& page, std::vector<Grant> grants);

}  // namespace strongroom::kms
