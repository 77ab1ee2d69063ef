// Source: AWS KMS API Reference, "UpdateCustomKeyStore"; spec/kms.md 7.
#include "kms/keystore/requests.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"
#include "kms/xks/store_changes.h"

namespace strongroom::kms {
namespace {

struct Request {
  std::string store_id;
  std::optional<std::string> name, cluster_id;
  std::optional<SecretBuffer> password;
};

Result<Request> Parse(const aws::Call& call) {
  Request r;
  SR_TRY(r.store_id, call.body.RequiredString("CustomKeyStoreId"));
  SR_TRY(r.name, call.body.OptionalString("NewCustomKeyStoreName"));
  SR_TRY(r.cluster_id, call.body.OptionalString("CloudHsmClusterId"));
  SR_TRY(r.password, call.body.OptionalSecretText("KeyStorePassword"));
  return r;
}

Status RequireSomeMember(const aws::Call& call) {
  for (const std::string_view member :
       {"NewCustomKeyStoreName", "KeyStorePassword", "CloudHsmClusterId", "XksProxyUriEndpoint", "XksProxyUriPath",
        "XksProxyVpcEndpointServiceName", "XksProxyVpcEndpointServiceOwner", "XksProxyAuthenticationCredential",
        "XksProxyConnectivity"})
    if (call.body.Has(member)) return {};
  return Error(Errc::kInvalidArgument, "Specify at least one member to update.");
}

Status RequireChangeable(const CustomStoreRow& row, bool only_name) {
  if (row.state == ConnectionState::kDisconnected || (only_name && row.state == ConnectionState::kConnected)) return {};
  return WrongStoreState(row, "UpdateCustomKeyStore");
}

/// The new cluster shares the old one's history: it shows the same cluster certificate. Errors: kClusterNotRelated.
Task<Status> RequireRelated(Kms& kms, const aws::Call& call, const CustomStoreRow& row, const std::string& cluster_id) {
  SR_CO_TRY(const auto cluster, co_await RequireActiveCluster(kms, call, cluster_id));
  SR_CO_CHECK(RequireTwoZones(cluster));
  SR_CO_TRY(const auto old, co_await kms.clusters().Find(row.account, row.region, row.cluster_id));
  SR_CO_TRY(const bool related, co_await SharesHistory(kms, row, cluster));
  // Of a store from before certificates were kept, whose cluster is gone, no more is known than who owns it.
  const bool unknown = row.cluster_certificate.empty() && !old;
  if (!related && !(unknown && RequireTrustAnchor(cluster, row.trust_anchor).ok()))
    co_return Error(Errc::kClusterNotRelated,
                    "Cluster " + cluster_id + " does not share the cluster certificate of " + row.cluster_id + ".");
  co_return Status();
}

Task<Result<aws::Reply>> UpdateCustomKeyStore(Kms& kms, aws::Call& call) {
  SR_CO_TRY(const std::string store_id, call.body.RequiredString("CustomKeyStoreId"));
  SR_CO_CHECK(RequireSomeMember(call));
  SR_CO_CHECK(AuthorizeCall(kms, call, nullptr));
  // The store's type decides which members there are.
  SR_CO_TRY(CustomStoreRow known, co_await FindCustomStore(kms, call, store_id));
  NoteStore(call, known);
  if (known.external()) co_return co_await UpdateExternalStore(kms, call, std::move(known));
  SR_CO_CHECK(RequireCloudHsmMembers(call));
  SR_CO_TRY(Request r, Parse(call));
  const bool only_name = !r.cluster_id && !r.password;
  SR_CO_CHECK(RequireChangeable(known, only_name));
  if (r.cluster_id) {
    SR_CO_CHECK(AuthorizeDescribingClusters(kms, call));
    SR_CO_CHECK(co_await RequireRelated(kms, call, known, *r.cluster_id));
  }
  std::optional<Bytes> sealed;
  if (r.password) {
    SR_CO_TRY(sealed, co_await SealPassword(kms, r.store_id, std::move(*r.password)));
  }
  const auto moved = std::make_shared<std::vector<std::string>>();
  ChangeStore change = [moved, name = r.name, cluster_id = r.cluster_id, sealed, only_name](
                           store::Transaction& t, CustomStoreRow& row) -> Status {
    SR_CHECK(RequireChangeable(row, only_name));
    if (name) row.name = *name;
    if (cluster_id && row.cluster_id != *cluster_id) {
      row.cluster_id = *cluster_id;
      SR_TRY(*moved, MoveKeys(t, row.account, row.region, row.store_id, *cluster_id));
    }
    if (sealed) {
      row.sealed_password = *sealed;
      row.sealed_previous.reset();
    }
    return {};
  };
  SR_CO_TRY(const CustomStoreRow changed, co_await ChangeCustomStore(kms, call, r.store_id, std::move(change)));
  for (const std::string& id : *moved) {
    KeyRow key;
    key.account = changed.account;
    key.region = changed.region;
    key.key_id = id;
    kms.keys().ForgetKey(key);
  }
  co_return aws::Reply();
}

}  // namespace

constinit const aws::Operation op::update_custom_key_store = {.target = "TrentService.UpdateCustomKeyStore",
                                                              .iam_action = "kms:UpdateCustomKeyStore",
                                                              .handler = aws::Bind<Kms, &UpdateCustomKeyStore>};

}  // namespace strongroom::kms
