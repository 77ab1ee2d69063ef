#pragma once

#include <cstdint>
#include <string>

#include "aws/dispatch/service.h"
#include "ports/authorizer.h"
#include "ports/cluster_directory.h"
#include "ports/sealer.h"
#include "store/database.h"
#include "xks_proxy/proxies.h"

namespace strongroom::xks_proxy {

/// How an operator makes and keeps external key store proxies: the part of the deployment's own API (JSON 1.1, target
/// prefix "Strongroom", signing name "strongroom") that `strongroom xks` calls.
///
/// Threads   any of the request loops.
/// Lifetime  what Parts refers to outlives it.
class Admin {
 public:
  struct Parts {
    store::Database& database;
    ports::Sealer& sealer;
    ports::ClusterDirectory& clusters;
    const ports::Authorizer& authorizer;
    Proxies& proxies;
  };
  explicit Admin(Parts parts) : parts_(parts) {}

  store::Database& database() noexcept { return parts_.database; }
  ports::Sealer& sealer() noexcept { return parts_.sealer; }
  Proxies& proxies() noexcept { return parts_.proxies; }

  /// Errors: kAccessDenied.
  Status Authorize(const aws::Call& call) const;
  /// The cluster if it is the caller's and ACTIVE. Errors: kClusterNotFound, kClusterNotActive.
  Task<Result<ports::ClusterInfo>> ActiveCluster(const aws::Call& call, std::string cluster_id);
  /// Logs in to the cluster once. Errors: kInvalidArgument for a refused name or password, in words for the operator;
  /// kUnavailable.
  Task<Status> TryPassword(const ports::ClusterInfo& cluster, std::string user_name, const SecretBuffer& password);
  /// Seals `password` for the row's cluster and user into it.
  Task<Status> SealPassword(ProxyRow& row, const ports::ClusterInfo& cluster, SecretBuffer password);
  /// Draws a new credential into the row; its secret, to be shown once.
  Task<Result<SecretBuffer>> DrawCredential(ProxyRow& row);
  /// Has this front end know at once what the others learn within a second. A failure is no failure of the caller's.
  Task<void> Refresh();

 private:
  Parts parts_;
};

/// What an answer shows of a proxy. `now_millis` decides whether the credential before still counts.
aws::Reply Show(const ProxyRow& row, std::int64_t now_millis);

/// The service's table for the dispatcher; `admin` outlives it.
aws::Service Describe(Admin& admin);

}  // namespace strongroom::xks_proxy
