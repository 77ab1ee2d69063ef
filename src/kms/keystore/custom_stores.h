#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/task.h"
#include "crypto/certificate.h"
#include "kms/background.h"
#include "kms/keystore/custom_store_rows.h"
#include "kms/keystore/hsm_key_store.h"
#include "ports/audit.h"
#include "ports/cluster_directory.h"
#include "ports/sealer.h"
#include "store/change_feed.h"
#include "xks_client/proxy_client.h"

namespace strongroom::kms {

/// The custom key stores at work: which are connected, the client of each one's cluster, and the jobs that connect and
/// disconnect. The truth is the row; a front end makes its client when it first needs it and drops it when the row says
/// so.
class CustomStores {
 public:
  struct Parts {
    store::Database& database;
    ports::Sealer& sealer;
    ports::ClusterDirectory& clusters;
    Background& background;  // runs the jobs; stopped before Stop
    std::vector<Loop*> loops;
    /// Both TLS layers towards a cluster whose certificate `owner` issued.
    std::function<Result<hsm_client::ClientTrust>(const crypto::Certificate& owner)> trust;
    std::shared_ptr<const xks::Network> xks;
    /// With the database away, how long after it was read a view still serves.
    std::chrono::seconds stale_limit = store::ChangeFeed::kStaleLimit;
    /// After which a view is read again, whatever the change feed says.
    std::chrono::seconds recheck{60};
    /// Told how attempts to connect end; null: nobody.
    ports::AuditSink* audit = nullptr;
  };
  explicit CustomStores(Parts parts) : parts_(std::move(parts)) {}

  /// One store as this front end knows it now. While it is CONNECTED, `keys` (AWS_CLOUDHSM) or `proxy`
  /// (EXTERNAL_KEY_STORE) is set, unless `failure` says why not.
  struct View {
    CustomStoreRow row;
    std::shared_ptr<HsmKeyStore> keys;
    std::shared_ptr<xks::ProxyClient> proxy;
    std::optional<Error> failure;

    bool usable() const noexcept { return keys != nullptr || proxy != nullptr; }
    void Close() const;

    bool connected() const noexcept { return row.state == ConnectionState::kConnected; }
    /// What to answer when `keys` or `proxy` is wanted and not there: kCustomKeyStoreInvalidState or the failure.
    Error Unusable() const;
  };
  using ViewPtr = std::shared_ptr<const View>;
  /// The fresh cached view, or null.
  ViewPtr Warm(std::string_view account, std::string_view region, std::string_view store_id) const;
  /// Errors: kCustomKeyStoreNotFound; the database's.
  Task<Result<ViewPtr>> Find(std::string account, std::string region, std::string store_id);

  /// Begins the work that a row in CONNECTING or DISCONNECTING asks for; returns at once.
  void Begin(const CustomStoreRow& row);
  /// Takes over what another front end, or this one before a restart, left unfinished; then looks again from time to
  /// time. Asks the proxies of connected external key stores once a minute how they are.
  void Start();
  /// Asks each of them once; what has changed since it last did goes to the log. No store's state depends on it:
  /// requests see for themselves. Source: XKS Proxy API Specification, "GetHealthStatus", KmsHealthCheck.
  Task<void> CheckProxies();
  /// Closes all clients.
  void Stop();
  void OnChanges(std::span<const store::FeedEntry> entries);
  void Forget(const CustomStoreRow& row);

  static constexpr std::chrono::seconds kLease{30};

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    ViewPtr view;
    Clock::time_point read;
  };
  /// What ended a connect: no code is success.
  struct Outcome {
    std::optional<std::string> error_code;
  };
  static std::string Id(std::string_view account, std::string_view region, std::string_view store_id);

  Result<std::shared_ptr<hsm_client::ClusterClient>> MakeClient(const CustomStoreRow& row,
                                                                const ports::ClusterInfo& cluster,
                                                                SecretBuffer password, std::vector<Loop*> loops) const;
  Task<Result<std::shared_ptr<HsmKeyStore>>> OpenKeys(const CustomStoreRow& row);
  Task<Result<std::shared_ptr<xks::ProxyClient>>> OpenProxy(CustomStoreRow row);
  /// Sets `keys` or `proxy`: those of `old` where they still fit.
  Task<Status> Open(View& view, const View* old);
  Task<void> RunConnect(CustomStoreRow row);
  Task<void> RunDisconnect(CustomStoreRow row);
  Task<void> Watch();
  Task<void> WatchProxies();
  Task<Result<Outcome>> Connect(CustomStoreRow row);
  Task<Result<Outcome>> ConnectProxy(CustomStoreRow row);
  Task<Status> Rotate(CustomStoreRow row, std::shared_ptr<hsm_client::ClusterClient> client, SecretBuffer working);
  Task<void> GiveBack(CustomStoreRow row);
  Task<void> Finish(CustomStoreRow row, ConnectionState state, std::optional<std::string> error_code);
  Task<Status> SavePasswords(CustomStoreRow row, Bytes current, std::optional<Bytes> previous);

  Parts parts_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
  std::uint64_t changes_ = 0;                            // under mutex_
  std::unordered_map<std::string, std::string> ailing_;  // under mutex_: why a store's proxy does not serve, by Id
};

/// The CustomKeyStore ConnectionErrorCode for a failure to reach or log in to a cluster. Source: spec/kms.md 7.4.
std::string ConnectionErrorCode(const Error& error);

}  // namespace strongroom::kms
