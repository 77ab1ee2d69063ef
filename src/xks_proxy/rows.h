#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "store/database.h"

namespace strongroom::xks_proxy {

/// Kind of the entries in the change feed.
inline constexpr std::string_view kProxyChange = "xks-proxy";
/// Proxies of one account in all regions, so that what every front end holds in memory stays small.
inline constexpr std::int64_t kMostProxies = 100;

/// One external key store proxy.
struct ProxyRow {
  std::string account, region, proxy_id, cluster_id;
  std::string path_prefix;     // "" or "/team-a": what comes before /kms/xks/v1
  std::string signing_region;  // of the external key store that calls
  std::string user_name;       // the crypto user whose keys are used
  Bytes sealed_password;       // empty: switched off
  std::string access_key_id;
  Bytes sealed_secret;
  std::optional<std::string> previous_access_key_id;
  std::optional<Bytes> sealed_previous_secret;
  std::int64_t previous_until = 0;  // milliseconds
  std::int64_t created_millis = 0;

  bool enabled() const noexcept { return !sealed_password.empty(); }
  /// "/team-a/kms/xks/v1": XksProxyUriPath.
  std::string UriPath() const { return path_prefix + "/kms/xks/v1"; }
};

// Purposes and names under which a proxy's secrets are sealed (ports::Sealer): each is bound to the columns that say
// what it is for, so that whoever writes the database cannot have a password tried on another cluster.
inline constexpr std::string_view kPasswordPurpose = "xks-proxy-password";
inline constexpr std::string_view kSecretPurpose = "xks-proxy-secret";
/// `trust_anchor` is the cluster's, as DER.
std::string PasswordName(const ProxyRow& row, ByteView trust_anchor);
std::string SecretName(const ProxyRow& row, std::string_view access_key_id);

// Changes go to the change feed.
/// Errors: kAlreadyExists for a path that is taken; kLimitExceeded.
Status InsertProxy(store::Transaction& t, const ProxyRow& row);
/// Everything but ids, path and region. Errors: kNotFound.
Status UpdateProxy(store::Transaction& t, const ProxyRow& row);
/// Errors: kNotFound.
Status DeleteProxy(store::Transaction& t, const std::string& account, const std::string& region,
                   const std::string& proxy_id);
/// Errors: kNotFound.
Result<ProxyRow> LoadProxy(store::Transaction& t, const std::string& account, const std::string& region,
                           const std::string& proxy_id);
/// By id; of all accounts when `account` is empty.
Result<std::vector<ProxyRow>> ListProxies(store::Transaction& t, const std::string& account);

}  // namespace strongroom::xks_proxy
