#include "cloudhsm/machines/removal.h"

#include <algorithm>
#include <set>

#include "cloudhsm/rows.h"

namespace strongroom::cloudhsm {
namespace {

Result<std::vector<LostHsm>> HsmsOn(store::Transaction& t, std::string_view host_id,
                                    const std::set<std::string>& removed) {
  SR_TRY(const store::Rows rows,
         t.Query("SELECT DISTINCT cluster_id FROM hsms WHERE host_id = $1 AND state <> 'DELETED' ORDER BY cluster_id",
                 {store::Text(host_id)}));
  std::vector<LostHsm> found;
  for (const store::Row& row : rows) {
    SR_TRY(const std::optional<ClusterRow> cluster, LoadClusterById(t, row.Text(0)));
    if (!cluster) continue;
    const bool elsewhere = std::ranges::any_of(cluster->hsms, [&](const HsmRow& hsm) {
      return hsm.state == HsmState::kActive && hsm.host_id != host_id && !removed.contains(hsm.host_id);
    });
    for (const HsmRow& hsm : cluster->hsms) {
      if (hsm.host_id != host_id) continue;
      found.push_back({hsm.hsm_id, cluster->cluster_id, cluster->account, cluster->region, hsm.zone, cluster->domain(),
                       hsm.state == HsmState::kDeleteInProgress, !elsewhere});
    }
  }
  return found;
}

// What is under the domain key can be opened by nobody where no machine that is there has an HSM of it.
Result<bool> DomainLivesOn(const std::vector<MachineView>& machines, std::string_view without, store::Transaction& t) {
  for (const MachineView& machine : machines) {
    if (machine.row.host_id == without || !machine.alive()) continue;
    SR_TRY(const auto row,
           t.QueryOne("SELECT 1 FROM hsms h JOIN clusters c ON c.cluster_id = h.cluster_id WHERE c.kind = 'domain' AND "
                      "h.state = 'ACTIVE' AND h.host_id = $1",
                      {store::Text(machine.row.host_id)}));
    if (row) return true;
  }
  return false;
}

Status DeleteHsm(store::Transaction& t, const LostHsm& lost) {
  SR_TRY(const std::optional<ClusterRow> cluster, LoadClusterById(t, lost.cluster_id));
  const HsmRow* found = cluster ? cluster->Hsm(lost.hsm_id) : nullptr;
  if (found == nullptr) return {};
  HsmRow hsm = *found;
  hsm.state = HsmState::kDeleteInProgress;
  hsm.state_message = "The HSM is being deleted: its machine is gone for good.";
  return UpdateHsm(t, hsm);
}

}  // namespace

Result<std::vector<MachineView>> ViewMachines(store::Transaction& t) {
  SR_TRY(const std::int64_t now, t.NowMillis());
  SR_TRY(const std::vector<MachineRow> rows, LoadMachines(t));
  std::set<std::string> removed;
  for (const MachineRow& row : rows)
    if (row.removed) removed.insert(row.host_id);
  std::vector<MachineView> views;
  for (const MachineRow& row : rows) {
    SR_TRY(auto hsms, HsmsOn(t, row.host_id, removed));
    views.push_back({row, std::max<std::int64_t>(now - row.seen_at, 0), std::move(hsms)});
  }
  return views;
}

Result<MachineView> PlanRemoval(store::Transaction& t, std::string_view host_id) {
  SR_TRY(const std::vector<MachineView> machines, ViewMachines(t));
  const auto found =
      std::ranges::find_if(machines, [&](const MachineView& view) { return view.row.host_id == host_id; });
  if (found == machines.end())
    return Error(Errc::kNotFound,
                 "There is no machine " + std::string(host_id) + "; `strongroom machine list` shows them.");
  if (found->row.removed) return Error(Errc::kAlreadyExists, "Machine " + found->row.host_id + " was removed already.");
  if (found->alive())
    return Error(Errc::kInvalidState, "Machine " + found->row.host_id + " is alive: it was seen " +
                                          std::to_string(found->silent_millis / 1000) +
                                          " s ago. Stop Strongroom there first, and wait " +
                                          std::to_string(kSilentBeforeRemoval.count() / 1000) + " s.");
  SR_TRY(const bool lives_on, DomainLivesOn(machines, host_id, t));
  if (!lives_on)
    return Error(Errc::kInvalidState,
                 "No other machine that is alive has an ACTIVE HSM of the domain cluster, without which no key of KMS "
                 "can be used. Start one; if all are lost, restore a backup.");
  return *found;
}

Status RemoveMachine(store::Transaction& t, std::string_view host_id, bool delete_hsms) {
  SR_TRY(const MachineView plan, PlanRemoval(t, host_id));
  for (const LostHsm& hsm : plan.hsms) {
    if (hsm.leaving) continue;
    if (!hsm.domain && !delete_hsms)
      return Error(Errc::kInvalidState, "HSM " + hsm.hsm_id + " of cluster " + hsm.cluster_id + " lives on it.");
    SR_CHECK(DeleteHsm(t, hsm));
  }
  SR_TRY(const std::int64_t now, t.NowMillis());
  // Without an approval no front end and no host has ever heard of it.
  if (plan.row.approval.empty()) {
    SR_CHECK(t.Execute("DELETE FROM machines WHERE host_id = $1", {store::Text(host_id)}));
  } else {
    SR_CHECK(t.Execute("UPDATE machines SET removed_at = $2 WHERE host_id = $1", {store::Text(host_id), now}));
  }
  return t.Change("machine", "-", "-", plan.row.host_id);
}

Result<bool> HostIsGone(store::Transaction& t, std::string_view host_id) {
  SR_TRY(const std::optional<MachineRow> row, LoadMachine(t, host_id));
  return !row || row->removed;
}

}  // namespace strongroom::cloudhsm
