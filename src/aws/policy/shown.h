#pragma once

#include <set>
#include <string>
#include <string_view>

#include "ports/authorizer.h"

namespace strongroom::aws::policy {

/// A policy's text as its readers see it: principals that are in `gone` by their unique ids, as AWS shows those that
/// were deleted since the policy was saved, also where another one has their name now. `ids` are what was kept with
/// the text. Without such principals the text as it was saved.
std::string ShownPolicy(std::string_view text, const ports::PrincipalIds& ids,
                        const std::set<std::string, std::less<>>& gone);

}  // namespace strongroom::aws::policy
