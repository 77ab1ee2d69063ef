#include "cloudhsm/nodes/ask.h"

namespace strongroom::cloudhsm {
namespace {

Task<Result<proto::Control>> Ask(JobContext& context, const HsmRow& hsm, std::string hsm_id, proto::Control question) {
  Host* host = context.hosts.Find(hsm.host_id);
  if (host == nullptr) {
    co_return Error(Errc::kUnavailable, "The host of HSM " + hsm.hsm_id + " is not configured.")
        .WithDetail(hsm.host_id);
  }
  co_return co_await host->Ask(std::move(hsm_id), std::move(question), context.ask);
}

}  // namespace

Task<Result<proto::Control>> AskHost(JobContext& context, const HsmRow& hsm, proto::Control question) {
  co_return co_await Ask(context, hsm, std::string(), std::move(question));
}

Task<Result<proto::Control>> AskHsm(JobContext& context, const HsmRow& hsm, proto::Control question) {
  co_return co_await Ask(context, hsm, hsm.hsm_id, std::move(question));
}

const HsmRow* ActiveHsm(const JobContext& context, const ClusterRow& cluster, std::string_view except) {
  const HsmRow* found = nullptr;
  for (const HsmRow& hsm : cluster.hsms) {
    if (hsm.state != HsmState::kActive || hsm.hsm_id == except) continue;
    const Host* host = context.hosts.Find(hsm.host_id);
    if (host != nullptr && host->connected()) return &hsm;
    if (found == nullptr) found = &hsm;
  }
  return found;
}

Task<Status> ChangeCluster(JobContext& context, std::string cluster_id, RowChange change) {
  auto run = [cluster_id = std::move(cluster_id), change = std::move(change),
              owner = context.owner](store::Transaction& t) -> Status {
    SR_CHECK(RequireLease(t, cluster_id, owner));
    SR_TRY(std::optional<ClusterRow> row, LoadClusterById(t, cluster_id));
    if (!row) return Error(Errc::kNotFound, "Cluster " + cluster_id + " was not found.");
    return change(t, *row);
  };
  co_return co_await context.database.Run(std::move(run));
}

proto::Member MemberOf(const HsmRow& hsm) {
  proto::Member member;
  member.set_hsm_id(hsm.hsm_id);
  member.set_address(hsm.eni_ip);
  member.set_zone(hsm.zone);
  return member;
}

}  // namespace strongroom::cloudhsm
