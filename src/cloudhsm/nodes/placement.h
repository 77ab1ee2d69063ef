#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cloudhsm/rows.h"

namespace strongroom::cloudhsm {

/// A configured machine that houses HSMs.
struct HostSite {
  std::string host_id;
  std::string network;  // "127.81.4.": its HSMs have addresses .10 to .250 in it
};

struct Place {
  std::string host_id;
  std::string address;
};

/// Decides on which host and address a new HSM lives. Immutable; the store's rows are all it looks at.
class Placement {
 public:
  explicit Placement(std::vector<HostSite> sites) : sites_(std::move(sites)) {}

  /// The host with the fewest HSMs of this cluster, then the fewest of all; its lowest free address, or `wanted`.
  /// Errors: kInvalidArgument `wanted` is taken or in no host's network; kResourceExhausted no address is free.
  Result<Place> Choose(store::Transaction& t, const ClusterRow& cluster,
                       const std::optional<std::string>& wanted) const;

  static constexpr int kFirst = 10, kLast = 250;

 private:
  std::vector<HostSite> sites_;
};

}  // namespace strongroom::cloudhsm
