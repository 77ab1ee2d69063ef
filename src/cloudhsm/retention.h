#pragma once

#include <cstdint>
#include <optional>

#include "aws/dispatch/fields.h"

namespace strongroom::cloudhsm {

inline constexpr std::int64_t kDefaultRetentionDays = 90;

/// The days in a request's BackupRetentionPolicy; none without one. Errors: kInvalidArgument out of 7 to 379.
Result<std::optional<std::int64_t>> RetentionOf(const aws::Fields& body);

}  // namespace strongroom::cloudhsm
