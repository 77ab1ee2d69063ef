#include "cloudhsm/nodes/placement.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace strongroom::cloudhsm {

void Placement::Add(HostSite site) {
  const std::lock_guard lock(mutex_);
  std::erase_if(sites_, [&](const HostSite& old) { return old.host_id == site.host_id; });
  sites_.push_back(std::move(site));
}

void Placement::Remove(std::string_view host_id) {
  const std::lock_guard lock(mutex_);
  std::erase_if(sites_, [&](const HostSite& old) { return old.host_id == host_id; });
}

std::vector<HostSite> Placement::Sites() const {
  const std::lock_guard lock(mutex_);
  return sites_;
}

Result<Place> Placement::Choose(store::Transaction& t, const ClusterRow& cluster,
                                const std::optional<std::string>& wanted) const {
  return Among(t, cluster, Sites(), wanted, reachable_);
}

Result<Place> Placement::ChooseOn(store::Transaction& t, const ClusterRow& cluster, std::string_view host_id) const {
  std::vector<HostSite> sites = Sites();
  std::erase_if(sites, [&](const HostSite& site) { return site.host_id != host_id; });
  return Among(t, cluster, std::move(sites), std::nullopt, {});
}

Result<Place> Placement::Among(store::Transaction& t, const ClusterRow& cluster, std::vector<HostSite> sites,
                               const std::optional<std::string>& wanted, const Reachable& reachable) {
  struct Load {
    const HostSite* site;
    bool away = false;
    std::size_t of_cluster = 0, all = 0;
  };
  std::vector<Load> loads;
  for (const HostSite& site : sites) loads.push_back({&site, reachable && !reachable(site.host_id)});
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
    return std::tie(a.away, a.of_cluster, a.all) < std::tie(b.away, b.of_cluster, b.all);
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
