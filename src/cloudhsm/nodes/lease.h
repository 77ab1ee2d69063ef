#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/database.h"

namespace strongroom::cloudhsm {

/// Who works on a cluster's background jobs, so that two front ends do not do so at once. By the database's clock; kept
/// in table `deployment`. A lease that ran out is anybody's.

/// Takes the lease or prolongs one's own. False: another one has it.
Result<bool> TakeLease(store::Transaction& t, std::string_view name, std::string_view owner,
                       std::chrono::milliseconds duration);
/// Prolongs one's own lease, and does nothing when it is not there any more.
Status RenewLease(store::Transaction& t, std::string_view name, std::string_view owner,
                  std::chrono::milliseconds duration);
/// Errors: kCancelled when `owner` does not hold it any more: its work has to stop without a trace.
Status RequireLease(store::Transaction& t, std::string_view name, std::string_view owner);
Status ReleaseLease(store::Transaction& t, std::string_view name, std::string_view owner);

}  // namespace strongroom::cloudhsm
