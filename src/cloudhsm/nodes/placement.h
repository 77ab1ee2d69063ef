#pragma once

#include <functional>
#include <mutex>
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

/// Decides on which host and address a new HSM lives, by the store's rows.
/// Threads   any.
class Placement {
 public:
  using Reachable = std::function<bool(const std::string& host_id)>;
  /// Hosts that are not `reachable` come last; empty: all are.
  explicit Placement(std::vector<HostSite> sites, Reachable reachable = {})
      : reachable_(std::move(reachable)), sites_(std::move(sites)) {}

  /// One more host; takes the place of one of that id.
  void Add(HostSite site);
  /// No HSM is placed there any more.
  void Remove(std::string_view host_id);

  /// A reachable host, the one with the fewest HSMs of this cluster, then the fewest of all; its lowest free address,
  /// or `wanted`. Errors: kInvalidArgument `wanted` is taken or in no host's network; kResourceExhausted no address is
  /// free.
  Result<Place> Choose(store::Transaction& t, const ClusterRow& cluster,
                       const std::optional<std::string>& wanted) const;
  /// On this host alone, which need not be reachable. Errors: kResourceExhausted no address is free, or no such host.
  Result<Place> ChooseOn(store::Transaction& t, const ClusterRow& cluster, std::string_view host_id) const;

  static constexpr int kFirst = 10, kLast = 250;

 private:
  std::vector<HostSite> Sites() const;
  static Result<Place> Among(store::Transaction& t, const ClusterRow& cluster, std::vector<HostSite> sites,
                             const std::optional<std::string>& wanted, const Reachable& reachable);

  const Reachable reachable_;
  mutable std::mutex mutex_;
  std::vector<HostSite> sites_;  // under mutex_
};

}  // namespace strongroom::cloudhsm
