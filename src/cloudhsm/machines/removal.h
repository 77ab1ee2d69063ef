#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cloudhsm/machines/rows.h"

namespace strongroom::cloudhsm {

/// Without a sign of life for longer, a machine may be removed. Machines give one every five seconds.
inline constexpr std::chrono::milliseconds kSilentBeforeRemoval{30'000};

/// An HSM that lived on a machine.
struct LostHsm {
  std::string hsm_id, cluster_id, account, region, zone;
  bool domain = false;   // of the deployment's own cluster
  bool leaving = false;  // its deletion was asked for already
  bool last = false;     // no other ACTIVE HSM of its cluster is on a machine that is not removed
};

/// What `machine list` shows, and `machine remove` goes by.
struct MachineView {
  MachineRow row;
  std::int64_t silent_millis = 0;  // since it was seen; since 1970 when it never was
  std::vector<LostHsm> hsms;       // those that live there

  bool alive() const { return !row.removed && silent_millis < kSilentBeforeRemoval.count(); }
};

Result<std::vector<MachineView>> ViewMachines(store::Transaction& t);

/// Looks whether a machine may be removed. Errors: kNotFound no such machine; kAlreadyExists it was removed already;
/// kInvalidState it is alive, or nothing else that is alive has an ACTIVE HSM of the domain cluster.
Result<MachineView> PlanRemoval(store::Transaction& t, std::string_view host_id);

/// Marks a machine as gone for good, and its HSMs as to be deleted: the domain cluster's and, with `delete_hsms`, those
/// of customers. Front ends do the rest as they read it (watch.h, nodes/lifecycle.h). One that was never let in is
/// forgotten altogether. Errors: those of PlanRemoval; kInvalidState for customers' HSMs there without `delete_hsms`.
Status RemoveMachine(store::Transaction& t, std::string_view host_id, bool delete_hsms);

/// Whether no front end will ever reach this host again: it was removed, or no machine of that id is known to a store
/// that knows machines by rows alone.
Result<bool> HostIsGone(store::Transaction& t, std::string_view host_id);

}  // namespace strongroom::cloudhsm
