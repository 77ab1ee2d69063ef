#include "xks_proxy/rows.h"

#include "crypto/hash.h"

namespace strongroom::xks_proxy {
namespace {

using store::Blob;
using store::OrNull;
using store::Text;

#define SR_PROXY_COLUMNS                                                                                \
  "account_id, region, proxy_id, cluster_id, path_prefix, signing_region, user_name, sealed_password, " \
  "access_key_id, sealed_secret, previous_access_key_id, sealed_previous_secret, previous_until, created_at"

ProxyRow Read(const store::Row& row) {
  ProxyRow p;
  p.account = row.Text(0);
  p.region = row.Text(1);
  p.proxy_id = row.Text(2);
  p.cluster_id = row.Text(3);
  p.path_prefix = row.Text(4);
  p.signing_region = row.Text(5);
  p.user_name = row.Text(6);
  p.sealed_password = row.Blob(7);
  p.access_key_id = row.Text(8);
  p.sealed_secret = row.Blob(9);
  p.previous_access_key_id = row.OptionalText(10);
  p.sealed_previous_secret = row.OptionalBlob(11);
  p.previous_until = row.Int(12);
  p.created_millis = row.Int(13);
  return p;
}

Error NoSuchProxy(const std::string& id) {
  return Error(Errc::kNotFound, "There is no external key store proxy " + id + ".");
}

}  // namespace

std::string PasswordName(const ProxyRow& row, ByteView trust_anchor) {
  return row.proxy_id + "|" + row.cluster_id + "|" + row.user_name + "|" + Hex(crypto::Sha256(trust_anchor));
}

std::string SecretName(const ProxyRow& row, std::string_view access_key_id) {
  return row.proxy_id + "|" + std::string(access_key_id);
}

Status InsertProxy(store::Transaction& t, const ProxyRow& p) {
  SR_TRY(const auto taken, t.QueryOne("SELECT 1 FROM xks_proxies WHERE path_prefix = $1", {Text(p.path_prefix)}));
  if (taken) return Error(Errc::kAlreadyExists, "The path " + p.UriPath() + " belongs to another proxy.");
  SR_TRY(const auto count, t.QueryOne("SELECT COUNT(*) FROM xks_proxies WHERE account_id = $1", {Text(p.account)}));
  if (count && count->Int(0) >= kMostProxies)
    return Error(Errc::kLimitExceeded, "An account has at most 100 external key store proxies.");
  SR_TRY(const std::int64_t now, t.NowMillis());
  SR_CHECK(t.Execute(
      "INSERT INTO xks_proxies (" SR_PROXY_COLUMNS
      ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
      {Text(p.account), Text(p.region), Text(p.proxy_id), Text(p.cluster_id), Text(p.path_prefix),
       Text(p.signing_region), Text(p.user_name), Blob(p.sealed_password), Text(p.access_key_id), Blob(p.sealed_secret),
       OrNull(p.previous_access_key_id), OrNull(p.sealed_previous_secret), p.previous_until, now}));
  return t.Change(kProxyChange, p.account, p.region, p.proxy_id);
}

Status UpdateProxy(store::Transaction& t, const ProxyRow& p) {
  SR_TRY(const std::int64_t changed,
         t.Execute("UPDATE xks_proxies SET user_name = $4, sealed_password = $5, access_key_id = $6, "
                   "sealed_secret = $7, previous_access_key_id = $8, sealed_previous_secret = $9, "
                   "previous_until = $10 WHERE account_id = $1 AND region = $2 AND proxy_id = $3",
                   {Text(p.account), Text(p.region), Text(p.proxy_id), Text(p.user_name), Blob(p.sealed_password),
                    Text(p.access_key_id), Blob(p.sealed_secret), OrNull(p.previous_access_key_id),
                    OrNull(p.sealed_previous_secret), p.previous_until}));
  if (changed == 0) return NoSuchProxy(p.proxy_id);
  return t.Change(kProxyChange, p.account, p.region, p.proxy_id);
}

Status DeleteProxy(store::Transaction& t, const std::string& account, const std::string& region,
                   const std::string& proxy_id) {
  SR_TRY(const std::int64_t gone,
         t.Execute("DELETE FROM xks_proxies WHERE account_id = $1 AND region = $2 AND proxy_id = $3",
                   {Text(account), Text(region), Text(proxy_id)}));
  if (gone == 0) return NoSuchProxy(proxy_id);
  return t.Change(kProxyChange, account, region, proxy_id);
}

Result<ProxyRow> LoadProxy(store::Transaction& t, const std::string& account, const std::string& region,
                           const std::string& proxy_id) {
  SR_TRY(const auto row, t.QueryOne("SELECT " SR_PROXY_COLUMNS
                                    " FROM xks_proxies WHERE account_id = $1 AND region = $2 AND proxy_id = $3",
                                    {Text(account), Text(region), Text(proxy_id)}));
  if (!row) return NoSuchProxy(proxy_id);
  return Read(*row);
}

Result<std::vector<ProxyRow>> ListProxies(store::Transaction& t, const std::string& account) {
  SR_TRY(const auto rows,
         t.Query("SELECT " SR_PROXY_COLUMNS " FROM xks_proxies WHERE account_id = $1 OR $1 = '' ORDER BY proxy_id",
                 {Text(account)}));
  std::vector<ProxyRow> proxies;
  for (const store::Row& row : rows) proxies.push_back(Read(row));
  return proxies;
}

}  // namespace strongroom::xks_proxy
