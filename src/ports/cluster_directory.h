#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"

namespace strongroom::ports {

/// States of a customer's cluster, in the order of the CloudHSMv2 model.
enum class ClusterState : std::uint8_t {
  kCreateInProgress,
  kUninitialized,
  kInitializeInProgress,
  kInitialized,
  kActive,
  kUpdateInProgress,
  kModifyInProgress,
  kRollbackInProgress,
  kDeleteInProgress,
  kDeleted,
  kDegraded,
};
inline constexpr std::array<std::string_view, 11> kClusterStateNames{"CREATE_IN_PROGRESS",
                                                                     "UNINITIALIZED",
                                                                     "INITIALIZE_IN_PROGRESS",
                                                                     "INITIALIZED",
                                                                     "ACTIVE",
                                                                     "UPDATE_IN_PROGRESS",
                                                                     "MODIFY_IN_PROGRESS",
                                                                     "ROLLBACK_IN_PROGRESS",
                                                                     "DELETE_IN_PROGRESS",
                                                                     "DELETED",
                                                                     "DEGRADED"};
/// The API's name of a state.
constexpr std::string_view Name(ClusterState state) noexcept {
  return kClusterStateNames[static_cast<std::size_t>(state)];
}

/// One HSM of a cluster, where clients reach it: `address`, ports 2223 and 2225.
struct ClusterHsm {
  std::string hsm_id;
  std::string address;  // dotted quad
  std::string zone;     // "us-east-1a"
  bool active = false;  // state ACTIVE: it serves
};

/// What one service may know of a cluster that another one runs. Nothing in it is secret.
struct ClusterInfo {
  std::string account, region, cluster_id;
  ClusterState state = ClusterState::kCreateInProgress;
  Bytes trust_anchor;                          // DER, as given to InitializeCluster; empty before
  Bytes cluster_certificate;                   // DER, issued by the trust anchor; empty before
  std::map<std::string, std::string> subnets;  // zone -> subnet id
  std::vector<ClusterHsm> hsms;                // deleted ones are left out

  std::size_t active_hsms() const noexcept {
    std::size_t count = 0;
    for (const ClusterHsm& hsm : hsms) count += hsm.active ? 1 : 0;
    return count;
  }
  /// True when HSMs serve in at least two different zones.
  bool spans_two_zones() const noexcept {
    std::string_view first;
    for (const ClusterHsm& hsm : hsms) {
      if (!hsm.active) continue;
      if (first.empty()) first = hsm.zone;
      if (hsm.zone != first) return true;
    }
    return false;
  }
};

/// The clusters of all accounts, as the CloudHSM service has them in the store.
/// Errors    the store's (kUnavailable and so on); an unknown cluster is none, and so is another account's or a deleted
/// one. Threads   any loop.
class ClusterDirectory {
 public:
  virtual ~ClusterDirectory() = default;
  virtual Task<Result<std::optional<ClusterInfo>>> Find(std::string account, std::string region,
                                                        std::string cluster_id) = 0;
};

}  // namespace strongroom::ports
