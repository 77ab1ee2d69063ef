// Source: CloudHSMv2 API Reference, "DeleteHsm".
#include <algorithm>

#include "cloudhsm/ops/all.h"
#include "cloudhsm/service.h"

namespace strongroom::cloudhsm {
namespace {

struct Request {
  std::string account, region, cluster_id;
  std::optional<std::string> hsm_id, eni_id, eni_ip;
};

Result<std::string> Delete(store::Transaction& t, const Request& r) {
  SR_TRY(ClusterRow cluster, RequireCluster(t, r.account, r.region, r.cluster_id));
  const auto found = std::find_if(cluster.hsms.begin(), cluster.hsms.end(), [&](const HsmRow& hsm) {
    return r.hsm_id ? hsm.hsm_id == *r.hsm_id : r.eni_id ? hsm.eni_id == *r.eni_id : hsm.eni_ip == *r.eni_ip;
  });
  if (found == cluster.hsms.end()) {
    const std::string& named = r.hsm_id ? *r.hsm_id : r.eni_id ? *r.eni_id : *r.eni_ip;
    return Error(Errc::kNotFound, "HSM " + named + " was not found.");
  }
  if (cluster.state != ClusterState::kUninitialized && cluster.state != ClusterState::kInitialized &&
      cluster.state != ClusterState::kActive) {
    return WrongState(cluster, "DeleteHsm", "UNINITIALIZED, INITIALIZED or ACTIVE");
  }
  if (found->state == HsmState::kDeleteInProgress) return found->hsm_id;
  found->state = HsmState::kDeleteInProgress;
  found->state_message = "The HSM is being deleted.";
  SR_CHECK(UpdateHsm(t, *found));
  return found->hsm_id;
}

Task<Result<aws::Reply>> DeleteHsm(CloudHsm& service, aws::Call& call) {
  Request request{.account = std::string(call.account()), .region = std::string(call.region)};
  SR_CO_TRY(request.cluster_id, call.body.RequiredString("ClusterId"));
  SR_CO_TRY(request.hsm_id, call.body.OptionalString("HsmId"));
  SR_CO_TRY(request.eni_id, call.body.OptionalString("EniId"));
  SR_CO_TRY(request.eni_ip, call.body.OptionalString("EniIp"));
  if ((request.hsm_id ? 1 : 0) + (request.eni_id ? 1 : 0) + (request.eni_ip ? 1 : 0) != 1) {
    co_return Error(Errc::kInvalidArgument, "Specify exactly one of HsmId, EniId, or EniIp.");
  }
  SR_CO_CHECK(co_await service.Authorize(call, request.cluster_id));
  call.AuditResource(ClusterArn(call.region, call.account(), request.cluster_id));
  auto mark = [request = std::move(request)](store::Transaction& t) { return Delete(t, request); };
  SR_CO_TRY(std::string hsm_id, co_await service.database().Run(std::move(mark)));
  service.Wake();
  aws::Reply reply;
  reply.Text("HsmId", std::move(hsm_id));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::delete_hsm = {.target = "BaldrApiService.DeleteHsm",
                                                 .iam_action = "cloudhsm:DeleteHsm",
                                                 .handler = aws::Bind<CloudHsm, &DeleteHsm>};
}  // namespace strongroom::cloudhsm
