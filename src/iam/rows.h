#pragma once

#include <span>
#include <string_view>

#include "aws/dispatch/operation.h"

namespace strongroom::iam {

/// The operations in ops/ whose targets begin with `prefix` ("iam.", "sts."). The rows live as long as the process.
std::span<const aws::Operation* const> RowsOf(std::string_view prefix);

}  // namespace strongroom::iam
