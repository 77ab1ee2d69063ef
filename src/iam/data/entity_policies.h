#pragma once

#include "iam/work.h"

namespace strongroom::iam {

/// What users, groups and roles have alike: operations with a kind.
Result<aws::Reply> AttachPolicy(Work& work, Kind kind);
Result<aws::Reply> DetachPolicy(Work& work, Kind kind);
Result<aws::Reply> ListAttachedPolicies(Work& work, Kind kind);
Result<aws::Reply> PutInlinePolicy(Work& work, Kind kind);
Result<aws::Reply> GetInlinePolicy(Work& work, Kind kind);
Result<aws::Reply> ListInlinePolicies(Work& work, Kind kind);
Result<aws::Reply> DeleteInlinePolicy(Work& work, Kind kind);
Result<aws::Reply> PutBoundary(Work& work, Kind kind);
Result<aws::Reply> DeleteBoundary(Work& work, Kind kind);

}  // namespace strongroom::iam
