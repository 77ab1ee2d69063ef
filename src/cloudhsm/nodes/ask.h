#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "cloudhsm/nodes/lease.h"
#include "cloudhsm/nodes/steps.h"

namespace strongroom::cloudhsm {

/// To the host that houses the HSM. Errors: kUnavailable when the configuration does not name that host.
Task<Result<proto::Control>> AskHost(JobContext& context, const HsmRow& hsm, proto::Control question);
/// To the HSM itself.
Task<Result<proto::Control>> AskHsm(JobContext& context, const HsmRow& hsm, proto::Control question);

/// An ACTIVE HSM of the cluster other than `except`, on a host that is connected if there is one; null: none is ACTIVE.
const HsmRow* ActiveHsm(const JobContext& context, const ClusterRow& cluster, std::string_view except = {});

/// Runs `change` on the cluster's newest row in one transaction, provided that its lease is still ours.
using RowChange = std::function<Status(store::Transaction&, ClusterRow&)>;
Task<Status> ChangeCluster(JobContext& context, std::string cluster_id, RowChange change);

proto::Member MemberOf(const HsmRow& hsm);

}  // namespace strongroom::cloudhsm
