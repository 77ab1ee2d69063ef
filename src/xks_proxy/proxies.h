#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "crypto/certificate.h"
#include "hsm_client/cluster_client.h"
#include "ports/clock.h"
#include "ports/cluster_directory.h"
#include "ports/credentials.h"
#include "ports/sealer.h"
#include "store/change_feed.h"
#include "store/database.h"
#include "xks_proxy/cluster_keys.h"
#include "xks_proxy/rows.h"

namespace strongroom::xks_proxy {

/// One proxy as this front end has it now. Immutable.
struct Proxy {
  ProxyRow row;
  std::shared_ptr<ClusterKeys> keys;  // null while they cannot be had: `failure` says why
  std::optional<Error> failure;
};
using ProxyPtr = std::shared_ptr<const Proxy>;

/// Every proxy of the deployment, its credentials and passwords opened and its cluster's client made: a request waits
/// for its cluster alone.
///
/// Promise   a proxy that is made, changed or deleted anywhere is so here within a second of the change feed's report;
///           all are looked at again every `recheck` in any case. While the domain cluster is away, new ones wait for
///           it, and deleting takes effect all the same. A secret whose seal does not open (a swapped row, another
///           trust anchor) is left out and logged.
/// Secrets   holds secret access keys and crypto users' passwords, in the locked pool.
/// Threads   the look-ups from any thread; the rest works on the one loop given.
/// Lifetime  Stop() before the loops end; what Parts refers to outlives the loop's last handler.
class Proxies final : public ports::Credentials {
 public:
  struct Parts {
    Loop& loop;
    store::Database& database;
    ports::Sealer& sealer;
    ports::ClusterDirectory& clusters;
    std::vector<Loop*> loops;  // on which requests run
    /// Both TLS layers towards a cluster whose certificate `owner` issued.
    std::function<Result<hsm_client::ClientTrust>(const crypto::Certificate& owner)> trust;
    const ports::Clock* clock = nullptr;  // null: the machine's
    std::uint16_t hsm_port = channel::kHsmPort;
    std::chrono::milliseconds recheck{60'000};
    std::chrono::milliseconds retry{1'000};  ///< after a reload that failed or was incomplete
  };
  explicit Proxies(Parts parts);
  ~Proxies() override;

  /// By the whole prefix of a path: "" or "/team-a". Null when there is none.
  ProxyPtr AtPath(std::string_view path_prefix) const;
  ProxyPtr WithId(std::string_view proxy_id) const;
  /// A proxy's credential, current or still counting; caller.principal_id is the proxy's id.
  std::shared_ptr<const ports::Credential> Find(std::string_view access_key_id) const override;

  /// Reads all now. On any loop. Errors: the store's; kUnavailable when a proxy could not be opened yet.
  Task<Status> Reload();
  /// Subscribes to the feed, which must not have been started, and re-reads from time to time.
  void Watch(store::ChangeFeed& feed);
  /// Ends the re-reading and closes all clients; from any thread.
  void Stop();

  /// A client for the crypto user's keys in a cluster. Errors: kUntrusted for a trust anchor that is no certificate.
  Result<std::shared_ptr<hsm_client::ClusterClient>> MakeClient(const ports::ClusterInfo& cluster,
                                                                const std::string& user_name,
                                                                SecretBuffer password) const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace strongroom::xks_proxy
