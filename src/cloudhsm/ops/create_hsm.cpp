// Source: CloudHSMv2 API Reference, "CreateHsm".
#include "base/ids.h"
#include "cloudhsm/backups.h"
#include "cloudhsm/ops/all.h"
#include "cloudhsm/present.h"
#include "cloudhsm/service.h"

namespace strongroom::cloudhsm {
namespace {

struct Request {
  std::string account, region, cluster_id, zone;
  std::optional<std::string> address;
};

Status CheckState(const ClusterRow& cluster) {
  switch (cluster.state) {
    case ClusterState::kInitialized:
    case ClusterState::kActive:
      // The next HSM brings the cluster back from its backup.
      if (cluster.hsms.empty()) return {};
      if (cluster.Count(HsmState::kActive) == 0) {
        return Error(Errc::kInvalidState,
                     "Cluster " + cluster.cluster_id + " has no ACTIVE HSM that could admit another.");
      }
      return {};
    case ClusterState::kUninitialized:
      if (cluster.hsms.empty()) return {};
      return Error(Errc::kInvalidState,
                   "Cluster " + cluster.cluster_id + " must be initialized before another HSM can be created.");
    case ClusterState::kInitializeInProgress:
      return Error(Errc::kInvalidState,
                   "Cluster " + cluster.cluster_id + " must be initialized before another HSM can be created.");
    default: return WrongState(cluster, "CreateHsm", "UNINITIALIZED, INITIALIZED or ACTIVE");
  }
}

// A cluster that is made from a backup has nothing else until its first HSM has restored it.
Status CheckSource(store::Transaction& t, const ClusterRow& cluster) {
  if (!cluster.source_backup_id || cluster.state != ClusterState::kInitialized) return {};
  const auto source = RequireBackupById(t, *cluster.source_backup_id);
  if (source.ok()) return {};
  if (source.error().code() != Errc::kNotFound) return source.error();
  return Error(Errc::kInvalidState, "Cluster " + cluster.cluster_id + " is made from backup " +
                                        *cluster.source_backup_id +
                                        ", which is deleted: it can have no HSM any more. Delete the cluster.");
}

struct Made {
  ClusterRow cluster;
  HsmRow hsm;
};

Result<Made> Create(store::Transaction& t, const Request& r, const Limits& limits, const Placement& placement) {
  SR_TRY(ClusterRow cluster, RequireCluster(t, r.account, r.region, r.cluster_id));
  SR_CHECK(CheckState(cluster));
  SR_CHECK(CheckSource(t, cluster));
  const auto subnet = cluster.subnets.find(r.zone);
  if (subnet == cluster.subnets.end()) {
    return Error(Errc::kInvalidArgument,
                 "Availability Zone " + r.zone + " is not configured for cluster " + r.cluster_id + ".");
  }
  if (static_cast<std::int64_t>(cluster.hsms.size()) >= limits.hsms_per_cluster) {
    return Error(Errc::kResourceExhausted,
                 "You have reached the limit of " + std::to_string(limits.hsms_per_cluster) + " HSMs per cluster.");
  }
  SR_TRY(const auto count,
         t.QueryOne("SELECT COUNT(*) FROM hsms WHERE account_id = $1 AND region = $2 AND state <> 'DELETED'",
                    {store::Text(r.account), store::Text(r.region)}));
  if (count->Int(0) >= limits.hsms) {
    return Error(Errc::kResourceExhausted, "You have reached the limit of " + std::to_string(limits.hsms) + " HSMs.");
  }
  SR_TRY(Place place, placement.Choose(t, cluster, r.address));
  HsmRow hsm{.account = r.account,
             .region = r.region,
             .hsm_id = NewBase32Id("hsm-"),
             .cluster_id = r.cluster_id,
             .zone = r.zone,
             .subnet_id = subnet->second,
             .eni_id = NewHexId("eni-"),
             .eni_ip = std::move(place.address),
             .host_id = std::move(place.host_id)};
  SR_TRY(hsm.created_at, t.NowMillis());
  SR_CHECK(InsertHsm(t, hsm));
  return Made{std::move(cluster), std::move(hsm)};
}

Task<Result<aws::Reply>> CreateHsm(CloudHsm& service, aws::Call& call) {
  Request request{.account = std::string(call.account()), .region = std::string(call.region)};
  SR_CO_TRY(request.cluster_id, call.body.RequiredString("ClusterId"));
  SR_CO_TRY(request.zone, call.body.RequiredString("AvailabilityZone"));
  SR_CO_TRY(request.address, call.body.OptionalString("IpAddress"));
  SR_CO_CHECK(co_await service.Authorize(call, request.cluster_id));
  call.AuditResource(ClusterArn(call.region, call.account(), request.cluster_id));
  auto create = [request = std::move(request), limits = service.limits(), &placement = service.placement()](
                    store::Transaction& t) { return Create(t, request, limits, placement); };
  SR_CO_TRY(const Made made, co_await service.database().Run(std::move(create)));
  service.Wake();
  aws::Reply reply;
  reply.Object("Hsm", PresentHsm(made.hsm, made.cluster));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::create_hsm = {.target = "BaldrApiService.CreateHsm",
                                                 .iam_action = "cloudhsm:CreateHsm",
                                                 .handler = aws::Bind<CloudHsm, &CreateHsm>};
}  // namespace strongroom::cloudhsm
