#include "cloudhsm/nodes/placement.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace strongroom::cloudhsm {

Result<Place> Placement::Choose(store::Transaction& t, const ClusterRow& cluster,
                                const std::optional<std::string>& wanted) const {
  struct Load {
    const HostSite* site;
    std::size_t of_cluster = 0, all = 0;
  };
  std::vector<Load> loads;
  for (const HostSite& site : sites_) loads.push_back({&site});
  std::set<std::string> taken;
  SR_TRY(const store::Rows rows, t.Query("SELECT host_id, eni_ip, cluster_id FROM hsms WHERE state <> 'DELETED'"));
  for (const store::Row& row : rows) {
    taken.insert(row.Text(1));
    for (Load& load : loads) {
      if (load.site->host_id != row.Text(0)) continue;
      ++load.all;
      if (row.Text(2) == cluster.cluster_id) ++load.of_cluster;
    }
  }
  std::stable_sort(loads.begin(), loads.end(), [](const Load& a, const Load& b) {
    return std::tie(a.of_cluster, a.all) < std::tie(b.of_cluster, b.all);
  });
  for (const Load& load : loads) {
    for (int last = kFirst; last <= kLast; ++last) {
      std::string address = load.site->network + std::to_string(last);
      if (wanted && address != *wanted) continue;
      if (!taken.contains(address)) return Place{load.site->host_id, std::move(address)};
    }
  }
  if (wanted) return Error(Errc::kInvalidArgument, "IP address " + *wanted + " is not available.");
  return Error(Errc::kResourceExhausted, "No host has a free address for another HSM.");
}

}  // namespace strongroom::cloudhsm
