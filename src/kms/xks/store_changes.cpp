// Source: AWS KMS API Reference, "CreateCustomKeyStore", "UpdateCustomKeyStore"; spec/kms.md 7.7, 7.8.
#include "kms/xks/store_changes.h"

#include "base/ids.h"
#include "base/log.h"
#include "kms/keystore/requests.h"
#include "kms/xks/failures.h"
#include "kms/xks/proxy_row.h"
#include "kms/xks/xks_key_store.h"

namespace strongroom::kms {
namespace {

struct NewStore {
  CustomStoreRow row;
  SecretBuffer secret;
};

Result<NewStore> ParseCreate(const aws::Call& call) {
  SR_CHECK(RequireExternalMembers(call));
  for (const std::string_view member :
       {"XksProxyUriEndpoint", "XksProxyUriPath", "XksProxyAuthenticationCredential", "XksProxyConnectivity"})
    if (!call.body.Has(member))
      return Error(Errc::kInvalidArgument,
                   std::string(member) + " is required for a custom key store of type EXTERNAL_KEY_STORE.");
  SR_TRY(ProxyMembers members, ParseProxyMembers(call));
  NewStore r;
  r.row.account = call.account();
  r.row.region = call.region;
  r.row.store_id = NewHexId("cks-");
  r.row.type = kExternalStoreType;
  SR_TRY(r.row.name, call.body.RequiredString("CustomKeyStoreName"));
  r.row.proxy = {.connectivity = *members.connectivity,
                 .endpoint = *members.endpoint,
                 .path = *members.path,
                 .vpc_service = members.vpc_service.value_or(""),
                 .vpc_owner = members.vpc_owner.value_or(""),
                 .access_key_id = *members.access_key_id};
  r.secret = std::move(*members.secret);
  SR_CHECK(CheckProxyShape(r.row.proxy));
  return r;
}

/// What can be refused without asking the proxy; looked at once more when the row is written.
Status CheckAgainstOthers(store::Transaction& t, const CustomStoreRow& row, std::int64_t limit) {
  SR_TRY(const auto stores, ListCustomStores(t, row.account, row.region, "", limit + 1));
  for (const CustomStoreRow& other : stores)
    if (other.name == row.name)
      return Error(Errc::kCustomKeyStoreNameInUse, "The custom key store name " + row.name + " is already in use.");
  SR_CHECK(RequireFreeProxy(t, row));
  if (static_cast<std::int64_t>(stores.size()) >= limit)
    return Error(Errc::kLimitExceeded,
                 "The account has reached its quota of " + std::to_string(limit) + " custom key stores.");
  return {};
}

/// The proxy answers, with these values, that it is well. Errors: those of spec/kms.md 7.10.
Task<Status> RequireHealthy(Kms& kms, const aws::Call& call, const CustomStoreRow& row, SecretBuffer secret) {
  SR_CO_TRY(const auto proxy, MakeProxyClient(kms.xks_network(), row, std::move(secret)));
  const auto health = co_await proxy->GetHealthStatus(ProxyMetadata(call, ""));
  proxy->Close();
  if (health.ok()) co_return Status();
  // The caller gets AWS's words; why it is so (an address that section [xks] does not allow, a certificate) is the
  // operator's to know.
  Error refused = ProxyErrorInStoreChange(health.failed());
  LogError("custom key store " + row.name + ": asking its proxy", refused);
  co_return refused;
}

Task<Result<Bytes>> SealCredential(Kms& kms, std::string store_id, SecretBuffer secret) {
  co_return co_await kms.sealer().Seal(std::string(kXksCredentialPurpose), std::move(store_id), std::move(secret));
}

}  // namespace

Task<Result<aws::Reply>> CreateExternalStore(Kms& kms, aws::Call& call) {
  SR_CO_TRY(NewStore r, ParseCreate(call));
  SR_CO_CHECK(AuthorizeCall(kms, call, nullptr));
  const std::int64_t limit = kms.limits().custom_key_stores;
  auto look = [row = r.row, limit](store::Transaction& t) { return CheckAgainstOthers(t, row, limit); };
  SR_CO_CHECK(co_await kms.database().RunRead(std::move(look)));
  if (r.row.proxy.connectivity == kPublicEndpoint) {
    SR_CO_TRY(SecretBuffer secret, r.secret.Clone());
    SR_CO_CHECK(co_await RequireHealthy(kms, call, r.row, std::move(secret)));
  } else if (kms.xks_network()->VpcService(r.row.proxy.vpc_service) == nullptr) {
    co_return Error(Errc::kXksVpcServiceNotFound,
                    "The VPC endpoint service " + r.row.proxy.vpc_service + " was not found.");
  }
  SR_CO_TRY(r.row.sealed_password, co_await SealCredential(kms, r.row.store_id, std::move(r.secret)));
  auto insert = [row = r.row, limit](store::Transaction& t) mutable -> Status {
    SR_CHECK(CheckAgainstOthers(t, row, limit));
    SR_TRY(row.created_millis, t.NowMillis());
    return InsertCustomStore(t, row);
  };
  SR_CO_CHECK(co_await kms.database().Run(std::move(insert)));
  aws::Reply reply;
  reply.Text("CustomKeyStoreId", r.row.store_id);
  co_return reply;
}

namespace {

struct Update {
  std::optional<std::string> name;
  ProxyMembers members;
};

Result<Update> ParseUpdate(const aws::Call& call) {
  SR_CHECK(RequireExternalMembers(call));
  Update r;
  SR_TRY(r.name, call.body.OptionalString("NewCustomKeyStoreName"));
  SR_TRY(r.members, ParseProxyMembers(call));
  return r;
}

Status RequireChangeable(const CustomStoreRow& row, const ProxyMembers& members) {
  if (row.state == ConnectionState::kDisconnected) return {};
  if (row.state == ConnectionState::kConnected && members.for_connected()) return {};
  return WrongStoreState(row, "UpdateCustomKeyStore");
}

/// The row's proxy with the request's members in place of its own. Errors: kInvalidArgument.
Result<ProxyRow> Changed(const ProxyRow& old, const ProxyMembers& m) {
  ProxyRow proxy = old;
  const bool moves = m.connectivity && *m.connectivity != old.connectivity;
  if (moves && !m.endpoint)
    return Error(Errc::kInvalidArgument, "XksProxyUriEndpoint must be specified when XksProxyConnectivity is changed.");
  if (m.connectivity) proxy.connectivity = *m.connectivity;
  if (moves && proxy.connectivity == kPublicEndpoint) {
    proxy.vpc_service.clear();
    proxy.vpc_owner.clear();
  }
  if (m.endpoint) proxy.endpoint = *m.endpoint;
  if (m.path) proxy.path = *m.path;
  if (m.vpc_service) proxy.vpc_service = *m.vpc_service;
  if (m.vpc_owner) proxy.vpc_owner = *m.vpc_owner;
  if (m.access_key_id) proxy.access_key_id = *m.access_key_id;
  SR_CHECK(CheckProxyShape(proxy));
  return proxy;
}

}  // namespace

Task<Result<aws::Reply>> UpdateExternalStore(Kms& kms, aws::Call& call, CustomStoreRow known) {
  SR_CO_TRY(Update r, ParseUpdate(call));
  SR_CO_CHECK(RequireChangeable(known, r.members));
  CustomStoreRow wanted = known;
  SR_CO_TRY(wanted.proxy, Changed(known.proxy, r.members));
  const bool new_proxy = r.members.any();
  std::optional<Bytes> sealed;
  if (new_proxy) {
    auto look = [row = wanted](store::Transaction& t) { return RequireFreeProxy(t, row); };
    SR_CO_CHECK(co_await kms.database().RunRead(std::move(look)));
    SecretBuffer secret;
    if (r.members.secret) {
      SR_CO_TRY(secret, r.members.secret->Clone());
    } else {
      SR_CO_TRY(secret,
                co_await kms.sealer().Open(std::string(kXksCredentialPurpose), known.store_id, known.sealed_password));
    }
    SR_CO_CHECK(co_await RequireHealthy(kms, call, wanted, std::move(secret)));
    if (r.members.secret) {
      SR_CO_TRY(sealed, co_await SealCredential(kms, known.store_id, std::move(*r.members.secret)));
    }
  }
  r.members.secret.reset();
  // The members are put on what the row has by now: another update may have come between.
  const auto members = std::make_shared<const ProxyMembers>(std::move(r.members));
  ChangeStore change = [name = r.name, members, sealed, new_proxy, checked = wanted.proxy](
                           store::Transaction& t, CustomStoreRow& row) -> Status {
    SR_CHECK(RequireChangeable(row, *members));
    if (name) row.name = *name;
    if (!new_proxy) return {};
    SR_TRY(row.proxy, Changed(row.proxy, *members));
    if (row.proxy != checked)
      return Error(Errc::kConflict, "The custom key store was changed by another request. Try again.");
    if (sealed) row.sealed_password = *sealed;
    return RequireFreeProxy(t, row);
  };
  SR_CO_CHECK(co_await ChangeCustomStore(kms, call, known.store_id, std::move(change)));
  co_return aws::Reply();
}

}  // namespace strongroom::kms
