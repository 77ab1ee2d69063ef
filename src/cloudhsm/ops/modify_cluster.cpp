// Source: CloudHSMv2 API Reference, "ModifyCluster".
#include "cloudhsm/ops/all.h"
#include "cloudhsm/present.h"
#include "cloudhsm/retention.h"
#include "cloudhsm/service.h"

namespace strongroom::cloudhsm {
namespace {

struct Request {
  std::string account, region, cluster_id;
  std::optional<std::int64_t> retention_days;
  std::optional<std::string> hsm_type;
};
struct Changed {
  ClusterRow cluster;
  Tags tags;
};

Result<Changed> Modify(store::Transaction& t, const Request& r) {
  SR_TRY(ClusterRow cluster, RequireCluster(t, r.account, r.region, r.cluster_id));
  switch (cluster.state) {
    case ClusterState::kUninitialized:
    case ClusterState::kInitialized:
    case ClusterState::kActive: break;
    default: return WrongState(cluster, "ModifyCluster", "UNINITIALIZED, INITIALIZED or ACTIVE");
  }
  // Its HSMs would have to be replaced one by one by others of that type, which no host here houses.
  if (r.hsm_type && *r.hsm_type != cluster.hsm_type)
    return Error(Errc::kUnsupported, "The HsmType of cluster " + cluster.cluster_id +
                                         " cannot be changed; create a cluster of the other type from a backup.");
  if (r.retention_days) cluster.retention_days = *r.retention_days;
  SR_CHECK(UpdateCluster(t, cluster));
  SR_TRY(Tags tags, LoadTags(t, r.account, r.region, r.cluster_id));
  return Changed{std::move(cluster), std::move(tags)};
}

Task<Result<aws::Reply>> ModifyCluster(CloudHsm& service, aws::Call& call) {
  Request request{.account = std::string(call.account()), .region = std::string(call.region)};
  SR_CO_TRY(request.cluster_id, call.body.RequiredString("ClusterId"));
  SR_CO_TRY(request.retention_days, RetentionOf(call.body));
  SR_CO_TRY(request.hsm_type, call.body.OptionalString("HsmType"));
  if (!request.retention_days && !request.hsm_type)
    co_return Error(Errc::kInvalidArgument, "Specify BackupRetentionPolicy or HsmType.");
  SR_CO_CHECK(co_await service.Authorize(call, request.cluster_id));
  call.AuditResource(ClusterArn(call.region, call.account(), request.cluster_id));
  auto change = [request = std::move(request)](store::Transaction& t) { return Modify(t, request); };
  SR_CO_TRY(const Changed changed, co_await service.database().Run(std::move(change)));
  aws::Reply reply;
  reply.Object("Cluster", PresentCluster(changed.cluster, changed.tags));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::modify_cluster = {.target = "BaldrApiService.ModifyCluster",
                                                     .iam_action = "cloudhsm:ModifyCluster",
                                                     .handler = aws::Bind<CloudHsm, &ModifyCluster>};
}  // namespace strongroom::cloudhsm
