#include "kms/keystore/requests.h"

#include "base/ids.h"

namespace strongroom::kms {

Status RequireCloudHsmMembers(const aws::Call& call) {
  for (const std::string_view member :
       {"XksProxyUriEndpoint", "XksProxyUriPath", "XksProxyVpcEndpointServiceName", "XksProxyVpcEndpointServiceOwner",
        "XksProxyAuthenticationCredential", "XksProxyConnectivity"})
    if (call.body.Has(member))
      return Error(Errc::kInvalidArgument,
                   std::string(member) + " is not valid for a custom key store of type AWS_CLOUDHSM.");
  return {};
}

void NoteStore(aws::Call& call, const CustomStoreRow& row) {
  call.AuditData("customKeyStoreName", row.name);
  if (!row.external()) call.AuditData("clusterId", row.cluster_id);
}

Error NoSuchStore(std::string_view store_id) {
  return Error(Errc::kCustomKeyStoreNotFound, "Custom key store " + std::string(store_id) + " was not found.");
}

Error WrongStoreState(const CustomStoreRow& row, std::string_view operation) {
  return Error(Errc::kCustomKeyStoreInvalidState, "Custom key store " + row.store_id + " is in state " +
                                                      std::string(Name(row.state)) + ", which does not allow " +
                                                      std::string(operation) + ".");
}

Task<Result<CustomStoreRow>> FindCustomStore(Kms& kms, const aws::Call& call, std::string store_id) {
  auto find = [account = std::string(call.account()), region = std::string(call.region),
               store_id](store::Transaction& t) { return LoadCustomStore(t, account, region, store_id); };
  SR_CO_TRY(auto row, co_await kms.database().RunRead(std::move(find)));
  if (!row) co_return NoSuchStore(store_id);
  co_return std::move(*row);
}

Task<Result<CustomStoreRow>> ChangeCustomStore(Kms& kms, const aws::Call& call, std::string store_id,
                                               ChangeStore change) {
  auto work = [account = std::string(call.account()), region = std::string(call.region), store_id,
               change = std::move(change)](store::Transaction& t) -> Result<CustomStoreRow> {
    SR_TRY(auto row, LoadCustomStore(t, account, region, store_id));
    if (!row) return NoSuchStore(store_id);
    SR_CHECK(change(t, *row));
    SR_CHECK(UpdateCustomStore(t, *row));
    return std::move(*row);
  };
  SR_CO_TRY(CustomStoreRow row, co_await kms.database().Run(std::move(work)));
  kms.custom_stores().Forget(row);
  co_return row;
}

Status BeginAttempt(store::Transaction& t, CustomStoreRow& row, ConnectionState state) {
  SR_TRY(const std::int64_t now, t.NowMillis());
  row.state = state;
  row.error_code.reset();
  row.attempt_id = NewUuid();
  row.lease_until = now + std::chrono::milliseconds(CustomStores::kLease).count();
  return {};
}

Task<Result<ports::ClusterInfo>> RequireActiveCluster(Kms& kms, const aws::Call& call, std::string cluster_id) {
  SR_CO_TRY(auto cluster,
            co_await kms.clusters().Find(std::string(call.account()), std::string(call.region), cluster_id));
  if (!cluster) co_return Error(Errc::kClusterNotFound, "Cluster " + cluster_id + " was not found.");
  if (cluster->state != ports::ClusterState::kActive)
    co_return Error(Errc::kClusterNotActive, "Cluster " + cluster_id + " is in state " +
                                                 std::string(ports::Name(cluster->state)) + ". It must be ACTIVE.");
  co_return std::move(*cluster);
}

Status RequireTwoZones(const ports::ClusterInfo& cluster) {
  if (cluster.spans_two_zones()) return {};
  return Error(
      Errc::kClusterInvalidConfiguration,
      "Cluster " + cluster.cluster_id + " must have at least two active HSMs in different Availability Zones.");
}

Task<Result<bool>> SharesHistory(Kms& kms, const CustomStoreRow& store, const ports::ClusterInfo& cluster) {
  if (store.cluster_id == cluster.cluster_id) co_return true;
  if (cluster.cluster_certificate.empty()) co_return false;
  if (const auto kept = crypto::Certificate::FromPem(store.cluster_certificate); kept.ok())
    co_return kept->ToDer() == cluster.cluster_certificate;
  SR_CO_TRY(const auto old, co_await kms.clusters().Find(store.account, store.region, store.cluster_id));
  if (old) co_return old->cluster_certificate == cluster.cluster_certificate;
  co_return false;
}

Status RequireTrustAnchor(const ports::ClusterInfo& cluster, const std::string& pem) {
  const auto certificate = crypto::Certificate::FromPem(pem);
  if (!certificate.ok() || certificate->ToDer() != cluster.trust_anchor)
    return Error(Errc::kIncorrectTrustAnchor,
                 "The trust anchor certificate is not the one that was used to initialize "
                 "cluster " +
                     cluster.cluster_id + ".");
  return {};
}

Task<Result<Bytes>> SealPassword(Kms& kms, std::string store_id, SecretBuffer password) {
  co_return co_await kms.sealer().Seal("kmsuser", std::move(store_id), std::move(password));
}

}  // namespace strongroom::kms
