// Source: AWS KMS API Reference, "ConnectCustomKeyStore"; spec/kms.md 7.
#include "kms/keystore/requests.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> ConnectCustomKeyStore(Kms& kms, aws::Call& call) {
  SR_CO_TRY(const std::string store_id, call.body.RequiredString("CustomKeyStoreId"));
  SR_CO_CHECK(AuthorizeCall(kms, call, nullptr));
  SR_CO_TRY(const CustomStoreRow known, co_await FindCustomStore(kms, call, store_id));
  NoteStore(call, known);
  if (known.state == ConnectionState::kConnecting || known.state == ConnectionState::kConnected) co_return aws::Reply();
  if (known.state != ConnectionState::kDisconnected) co_return WrongStoreState(known, "ConnectCustomKeyStore");
  std::optional<ports::ClusterInfo> cluster;
  if (!known.external()) {
    SR_CO_TRY(cluster, co_await kms.clusters().Find(known.account, known.region, known.cluster_id));
  }
  if (cluster && cluster->state != ports::ClusterState::kActive)
    co_return Error(Errc::kClusterNotActive, "Cluster " + known.cluster_id + " is not ACTIVE.");
  if (cluster && cluster->active_hsms() == 0)
    co_return Error(Errc::kClusterInvalidConfiguration, "Cluster " + known.cluster_id + " has no active HSM.");
  ChangeStore change = [](store::Transaction& t, CustomStoreRow& row) -> Status {
    if (row.state != ConnectionState::kDisconnected) return WrongStoreState(row, "ConnectCustomKeyStore");
    return BeginAttempt(t, row, ConnectionState::kConnecting);
  };
  SR_CO_TRY(const CustomStoreRow row, co_await ChangeCustomStore(kms, call, store_id, std::move(change)));
  kms.custom_stores().Begin(row);
  co_return aws::Reply();
}

}  // namespace

constinit const aws::Operation op::connect_custom_key_store = {.target = "TrentService.ConnectCustomKeyStore",
                                                               .iam_action = "kms:ConnectCustomKeyStore",
                                                               .handler = aws::Bind<Kms, &ConnectCustomKeyStore>};

}  // namespace strongroom::kms
