// Source: AWS KMS API Reference, "CreateCustomKeyStore"; spec/kms.md 7.
#include "base/ids.h"
#include "crypto/certificate.h"
#include "kms/keystore/requests.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"
#include "kms/xks/store_changes.h"

namespace strongroom::kms {
namespace {

struct Request {
  CustomStoreRow row;
  SecretBuffer password;
};

Result<Request> Parse(const aws::Call& call) {
  SR_CHECK(RequireCloudHsmMembers(call));
  for (const std::string_view member : {"CloudHsmClusterId", "TrustAnchorCertificate", "KeyStorePassword"})
    if (!call.body.Has(member))
      return Error(Errc::kInvalidArgument,
                   std::string(member) + " is required for a custom key store of type AWS_CLOUDHSM.");
  Request r;
  r.row.account = call.account();
  r.row.region = call.region;
  r.row.store_id = NewHexId("cks-");
  SR_TRY(r.row.name, call.body.RequiredString("CustomKeyStoreName"));
  SR_TRY(r.row.cluster_id, call.body.RequiredString("CloudHsmClusterId"));
  SR_TRY(r.row.trust_anchor, call.body.RequiredString("TrustAnchorCertificate"));
  SR_TRY(r.password, call.body.RequiredSecretText("KeyStorePassword"));
  return r;
}

Error NameInUse(const std::string& name) {
  return Error(Errc::kCustomKeyStoreNameInUse, "The custom key store name " + name + " is already in use.");
}
Error ClusterInUse(const std::string& cluster_id, const CustomStoreRow& by) {
  return Error(Errc::kClusterInUse,
               "Cluster " + cluster_id + " is already associated with custom key store " + by.store_id + ".");
}

/// The same certificate, however its text is laid out.
bool IsSameCertificate(const std::string& pem, const std::string& other) {
  const auto one = crypto::Certificate::FromPem(pem), two = crypto::Certificate::FromPem(other);
  return one.ok() && two.ok() && one->ToDer() == two->ToDer();
}

/// The id of the store that the very same request made before, if nobody has connected it since.
Task<Result<std::optional<std::string>>> SameAsBefore(Kms& kms, const Request& r, const CustomStoreRow& other) {
  if (other.cluster_id != r.row.cluster_id || other.state != ConnectionState::kDisconnected ||
      !IsSameCertificate(other.trust_anchor, r.row.trust_anchor))
    co_return std::optional<std::string>();
  SR_CO_TRY(const SecretBuffer password, co_await kms.sealer().Open("kmsuser", other.store_id, other.sealed_password));
  if (!password.EqualsInConstantTime(r.password)) co_return std::optional<std::string>();
  co_return std::optional<std::string>(other.store_id);
}

/// No other store uses the cluster or one that shares its certificate, and so its history. Errors: kClusterInUse.
Task<Status> RequireUnusedCluster(Kms& kms, const ports::ClusterInfo& cluster,
                                  const std::vector<CustomStoreRow>& stores) {
  for (const CustomStoreRow& other : stores) {
    if (other.external()) continue;
    SR_CO_TRY(const bool related, co_await SharesHistory(kms, other, cluster));
    if (related) co_return ClusterInUse(cluster.cluster_id, other);
  }
  co_return Status();
}

/// What another request may have changed since it was checked.
Status Insert(store::Transaction& t, CustomStoreRow& row, std::int64_t limit) {
  SR_TRY(const auto stores, ListCustomStores(t, row.account, row.region, "", limit + 1));
  for (const CustomStoreRow& other : stores)
    if (other.cluster_id == row.cluster_id) return ClusterInUse(row.cluster_id, other);
  if (static_cast<std::int64_t>(stores.size()) >= limit)
    return Error(Errc::kLimitExceeded,
                 "The account has reached its quota of " + std::to_string(limit) + " custom key stores.");
  SR_TRY(row.created_millis, t.NowMillis());
  return InsertCustomStore(t, row);
}

Task<Result<aws::Reply>> CreateCustomKeyStore(Kms& kms, aws::Call& call) {
  SR_CO_TRY(const std::string type, call.body.StringOr("CustomKeyStoreType", "AWS_CLOUDHSM"));
  if (type == kExternalStoreType) co_return co_await CreateExternalStore(kms, call);
  SR_CO_TRY(Request r, Parse(call));
  SR_CO_CHECK(AuthorizeCall(kms, call, nullptr));
  SR_CO_CHECK(AuthorizeDescribingClusters(kms, call));
  const std::int64_t limit = kms.limits().custom_key_stores;
  auto list = [account = r.row.account, region = r.row.region, limit](store::Transaction& t) {
    return ListCustomStores(t, account, region, "", limit + 1);
  };
  SR_CO_TRY(const auto stores, co_await kms.database().RunRead(std::move(list)));
  // The order of spec/kms.md 7.2.
  for (const CustomStoreRow& other : stores) {
    if (other.name != r.row.name) continue;
    SR_CO_TRY(auto same, co_await SameAsBefore(kms, r, other));
    if (!same) co_return NameInUse(r.row.name);
    aws::Reply reply;
    reply.Text("CustomKeyStoreId", std::move(*same));
    co_return reply;
  }
  SR_CO_TRY(const auto cluster, co_await RequireActiveCluster(kms, call, r.row.cluster_id));
  SR_CO_CHECK(co_await RequireUnusedCluster(kms, cluster, stores));
  SR_CO_CHECK(RequireTwoZones(cluster));
  SR_CO_CHECK(RequireTrustAnchor(cluster, r.row.trust_anchor));
  const auto certificate = crypto::Certificate::FromDer(cluster.cluster_certificate);
  if (certificate.ok()) r.row.cluster_certificate = certificate->ToPem();
  SR_CO_TRY(r.row.sealed_password, co_await SealPassword(kms, r.row.store_id, std::move(r.password)));
  auto insert = [row = r.row, limit](store::Transaction& t) mutable { return Insert(t, row, limit); };
  SR_CO_CHECK(co_await kms.database().Run(std::move(insert)));
  aws::Reply reply;
  reply.Text("CustomKeyStoreId", r.row.store_id);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::create_custom_key_store = {.target = "TrentService.CreateCustomKeyStore",
                                                              .iam_action = "kms:CreateCustomKeyStore",
                                                              .handler = aws::Bind<Kms, &CreateCustomKeyStore>};

}  // namespace strongroom::kms
