// Source: CloudHSMv2 API Reference, "DeleteCluster".
#include "cloudhsm/ops/all.h"
#include "cloudhsm/present.h"
#include "cloudhsm/service.h"

namespace strongroom::cloudhsm {
namespace {

struct Marked {
  ClusterRow cluster;
  Tags tags;
};

Result<Marked> Delete(store::Transaction& t, std::string_view account, std::string_view region,
                      std::string_view cluster_id) {
  SR_TRY(ClusterRow cluster, RequireCluster(t, account, region, cluster_id));
  if (!cluster.hsms.empty()) {
    return Error(Errc::kInvalidState,
                 "Cluster " + cluster.cluster_id + " contains HSMs. Delete all HSMs before deleting the cluster.");
  }
  switch (cluster.state) {
    case ClusterState::kUninitialized:
    case ClusterState::kInitialized:
    case ClusterState::kActive:
    case ClusterState::kDegraded: break;
    default: return WrongState(cluster, "DeleteCluster", "UNINITIALIZED, INITIALIZED, ACTIVE or DEGRADED");
  }
  cluster.state = ClusterState::kDeleteInProgress;
  cluster.state_message = "The cluster is being deleted.";
  SR_CHECK(UpdateCluster(t, cluster));
  SR_TRY(Tags tags, LoadTags(t, account, region, cluster_id));
  return Marked{std::move(cluster), std::move(tags)};
}

Task<Result<aws::Reply>> DeleteCluster(CloudHsm& service, aws::Call& call) {
  SR_CO_TRY(std::string cluster_id, call.body.RequiredString("ClusterId"));
  SR_CO_CHECK(co_await service.Authorize(call, cluster_id));
  call.AuditResource(ClusterArn(call.region, call.account(), cluster_id));
  auto mark = [account = std::string(call.account()), region = std::string(call.region),
               cluster_id = std::move(cluster_id)](store::Transaction& t) {
    return Delete(t, account, region, cluster_id);
  };
  SR_CO_TRY(const Marked marked, co_await service.database().Run(std::move(mark)));
  service.Wake();
  aws::Reply reply;
  reply.Object("Cluster", PresentCluster(marked.cluster, marked.tags));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::delete_cluster = {.target = "BaldrApiService.DeleteCluster",
                                                     .iam_action = "cloudhsm:DeleteCluster",
                                                     .handler = aws::Bind<CloudHsm, &DeleteCluster>};
}  // namespace strongroom::cloudhsm
