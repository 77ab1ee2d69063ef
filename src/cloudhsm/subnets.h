#pragma once

#include <array>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/database.h"

namespace strongroom::cloudhsm {

/// Every region has these three zones.
inline constexpr std::array<char, 3> kZoneLetters{'a', 'b', 'c'};

/// Gives each subnet of one CreateCluster call a zone of its own. Any well-formed id is adopted: a new subnet takes the
/// first zone that the call leaves free, and keeps it for this account and region from then on.
/// Errors: kInvalidArgument when two subnets are in one zone, or no zone is left.
Result<std::map<std::string, std::string>> ZonesOf(store::Transaction& t, std::string_view account,
                                                   std::string_view region, std::span<const std::string> subnets);

/// The VPC in which the subnets of an account and region are: made up with its first cluster.
Result<std::string> VpcOf(store::Transaction& t, std::string_view account, std::string_view region);

}  // namespace strongroom::cloudhsm
