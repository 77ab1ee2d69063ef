#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace strongroom::cloudhsm {

/// Opaque paging tokens: where the next page begins, and of which list.
std::string MakeToken(std::string_view list, std::string_view after);
/// Errors: kInvalidMarker for a token that this list has not given out.
Result<std::string> ReadToken(std::string_view list, std::string_view token);

}  // namespace strongroom::cloudhsm
