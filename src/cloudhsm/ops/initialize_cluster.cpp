// Source: CloudHSMv2 API Reference, "InitializeCluster"; spec/cloudhsm.md 3.4 for the order of the checks.
#include "cloudhsm/certificates.h"
#include "cloudhsm/ops/all.h"
#include "cloudhsm/service.h"

namespace strongroom::cloudhsm {
namespace {

struct Request {
  std::string account, region, cluster_id, signed_cert, trust_anchor;
  std::chrono::system_clock::time_point now;
};

constexpr std::string_view kMessage = "Cluster is initializing. State will change to INITIALIZED upon completion.";

Result<std::string> Initialize(store::Transaction& t, const Request& r) {
  SR_TRY(ClusterRow cluster, RequireCluster(t, r.account, r.region, r.cluster_id));
  if (cluster.state != ClusterState::kUninitialized) return WrongState(cluster, "InitializeCluster", "UNINITIALIZED");
  if (cluster.Count(HsmState::kActive) == 0 || cluster.csr.empty()) {
    return Error(Errc::kInvalidState,
                 "Cluster " + r.cluster_id + " has no HSM. Create an HSM before initializing the cluster.");
  }
  SR_CHECK(CheckInitialization(cluster.csr, r.signed_cert, r.trust_anchor, r.now));
  SR_TRY(cluster.cluster_certificate, NormalPem(r.signed_cert));
  SR_TRY(cluster.trust_anchor, NormalPem(r.trust_anchor));
  cluster.state = ClusterState::kInitializeInProgress;
  cluster.state_message = kMessage;
  SR_CHECK(UpdateCluster(t, cluster));
  return std::string(Name(cluster.state));
}

Task<Result<aws::Reply>> InitializeCluster(CloudHsm& service, aws::Call& call) {
  Request request{.account = std::string(call.account()), .region = std::string(call.region)};
  SR_CO_TRY(request.cluster_id, call.body.RequiredString("ClusterId"));
  SR_CO_TRY(request.signed_cert, call.body.RequiredString("SignedCert"));
  SR_CO_TRY(request.trust_anchor, call.body.RequiredString("TrustAnchor"));
  request.now = call.time;
  SR_CO_CHECK(co_await service.Authorize(call, request.cluster_id));
  call.AuditResource(ClusterArn(call.region, call.account(), request.cluster_id));
  auto initialize = [request = std::move(request)](store::Transaction& t) { return Initialize(t, request); };
  SR_CO_TRY(std::string state, co_await service.database().Run(std::move(initialize)));
  service.Wake();
  aws::Reply reply;
  reply.Text("State", std::move(state)).Text("StateMessage", std::string(kMessage));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::initialize_cluster = {.target = "BaldrApiService.InitializeCluster",
                                                         .iam_action = "cloudhsm:InitializeCluster",
                                                         .handler = aws::Bind<CloudHsm, &InitializeCluster>};
}  // namespace strongroom::cloudhsm
