#include "kms/keystore/custom_store_rows.h"

#include <array>

namespace strongroom::kms {
namespace {

using store::Blob;
using store::OrNull;
using store::Text;

constexpr std::array<std::string_view, 5> kStateNames{"DISCONNECTED", "CONNECTING", "CONNECTED", "DISCONNECTING",
                                                      "FAILED"};

#define SR_STORE_COLUMNS                                                                          \
  "account_id, region, store_id, name, type, cluster_id, trust_anchor, sealed_password, "         \
  "sealed_previous_password, state, error_code, attempt_id, lease_until, created_at, "            \
  "xks_connectivity, xks_endpoint, xks_path, xks_vpc_service, xks_vpc_owner, xks_access_key_id, " \
  "cluster_certificate"

CustomStoreRow Read(const store::Row& row) {
  CustomStoreRow s;
  s.account = row.Text(0);
  s.region = row.Text(1);
  s.store_id = row.Text(2);
  s.name = row.Text(3);
  s.type = row.Text(4);
  s.cluster_id = row.Text(5);
  s.trust_anchor = row.Text(6);
  s.sealed_password = row.Blob(7);
  s.sealed_previous = row.OptionalBlob(8);
  for (std::size_t i = 0; i < kStateNames.size(); ++i)
    if (row.Text(9) == kStateNames[i]) s.state = static_cast<ConnectionState>(i);
  s.error_code = row.OptionalText(10);
  s.attempt_id = row.OptionalText(11);
  s.lease_until = row.Int(12);
  s.created_millis = row.Int(13);
  s.proxy = {row.Text(14), row.Text(15), row.Text(16), row.Text(17), row.Text(18), row.Text(19)};
  s.cluster_certificate = row.Text(20);
  return s;
}

Status Changed(store::Transaction& t, const CustomStoreRow& s) {
  return t.Change("key-store", s.account, s.region, s.store_id);
}

/// No other store of the account and region has the name.
Status RequireFreeName(store::Transaction& t, const CustomStoreRow& s) {
  SR_TRY(const auto other,
         t.QueryOne("SELECT store_id FROM custom_key_stores WHERE account_id = $1 AND region = $2 AND "
                    "name = $3 AND store_id <> $4",
                    {s.account, s.region, s.name, s.store_id}));
  if (other)
    return Error(Errc::kCustomKeyStoreNameInUse, "The custom key store name " + s.name + " is already in use.");
  return {};
}

}  // namespace

std::string_view Name(ConnectionState state) noexcept { return kStateNames[static_cast<std::size_t>(state)]; }

Result<std::optional<CustomStoreRow>> LoadCustomStore(store::Transaction& t, const std::string& account,
                                                      const std::string& region, const std::string& store_id) {
  SR_TRY(const auto row,
         t.QueryOne("SELECT " SR_STORE_COLUMNS " FROM custom_key_stores WHERE account_id = $1 AND region = $2 "
                    "AND store_id = $3",
                    {account, region, store_id}));
  if (!row) return std::optional<CustomStoreRow>();
  return std::optional<CustomStoreRow>(Read(*row));
}

Status InsertCustomStore(store::Transaction& t, const CustomStoreRow& s) {
  SR_CHECK(RequireFreeName(t, s));
  SR_CHECK(t.Execute("INSERT INTO custom_key_stores (" SR_STORE_COLUMNS
                     ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
                     "$11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)",
                     {s.account,
                      s.region,
                      s.store_id,
                      s.name,
                      s.type,
                      s.cluster_id,
                      s.trust_anchor,
                      Blob(s.sealed_password),
                      OrNull(s.sealed_previous),
                      Text(Name(s.state)),
                      OrNull(s.error_code),
                      OrNull(s.attempt_id),
                      s.lease_until,
                      s.created_millis,
                      s.proxy.connectivity,
                      s.proxy.endpoint,
                      s.proxy.path,
                      s.proxy.vpc_service,
                      s.proxy.vpc_owner,
                      s.proxy.access_key_id,
                      s.cluster_certificate}));
  return Changed(t, s);
}

Status UpdateCustomStore(store::Transaction& t, const CustomStoreRow& s) {
  SR_CHECK(RequireFreeName(t, s));
  SR_CHECK(t.Execute(
      "UPDATE custom_key_stores SET name = $4, cluster_id = $5, sealed_password = $6, "
      "sealed_previous_password = $7, state = $8, error_code = $9, attempt_id = $10, lease_until = $11, "
      "xks_connectivity = $12, xks_endpoint = $13, xks_path = $14, xks_vpc_service = $15, xks_vpc_owner = $16, "
      "xks_access_key_id = $17 "
      "WHERE account_id = $1 AND region = $2 AND store_id = $3",
      {s.account, s.region, s.store_id, s.name, s.cluster_id, Blob(s.sealed_password), OrNull(s.sealed_previous),
       Text(Name(s.state)), OrNull(s.error_code), OrNull(s.attempt_id), s.lease_until, s.proxy.connectivity,
       s.proxy.endpoint, s.proxy.path, s.proxy.vpc_service, s.proxy.vpc_owner, s.proxy.access_key_id}));
  return Changed(t, s);
}

Status DeleteCustomStore(store::Transaction& t, const CustomStoreRow& s) {
  SR_CHECK(t.Execute("DELETE FROM custom_key_stores WHERE account_id = $1 AND region = $2 AND store_id = $3",
                     {s.account, s.region, s.store_id}));
  return Changed(t, s);
}

Result<std::vector<CustomStoreRow>> ListCustomStores(store::Transaction& t, const std::string& account,
                                                     const std::string& region, const std::string& after,
                                                     std::int64_t limit) {
  SR_TRY(const auto rows,
         t.Query("SELECT " SR_STORE_COLUMNS " FROM custom_key_stores WHERE account_id = $1 AND region = $2 AND "
                 "name > $3 ORDER BY name LIMIT $4",
                 {account, region, after, limit}));
  std::vector<CustomStoreRow> stores;
  for (const store::Row& row : rows) stores.push_back(Read(row));
  return stores;
}

Result<std::vector<CustomStoreRow>> ExternalStores(store::Transaction& t, const std::string& account,
                                                   const std::string& region) {
  SR_TRY(const auto rows, t.Query("SELECT " SR_STORE_COLUMNS
                                  " FROM custom_key_stores WHERE account_id = $1 AND region = $2 AND type = $3",
                                  {account, region, Text(kExternalStoreType)}));
  std::vector<CustomStoreRow> stores;
  for (const store::Row& row : rows) stores.push_back(Read(row));
  return stores;
}

Result<std::vector<CustomStoreRow>> CustomStoresIn(store::Transaction& t, ConnectionState state) {
  SR_TRY(const auto rows,
         t.Query("SELECT " SR_STORE_COLUMNS " FROM custom_key_stores WHERE state = $1", {Text(Name(state))}));
  std::vector<CustomStoreRow> stores;
  for (const store::Row& row : rows) stores.push_back(Read(row));
  return stores;
}

}  // namespace strongroom::kms
