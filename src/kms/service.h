#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "aws/dispatch/service.h"
#include "hsm_client/cluster_client.h"
#include "kms/background.h"
#include "kms/domain_keys/keeper.h"
#include "kms/grants/cache.h"
#include "kms/grants/token.h"
#include "kms/keys/cache.h"
#include "kms/keys/key_quota.h"
#include "kms/keystore/custom_stores.h"
#include "kms/keystore/hsm_key_store.h"
#include "kms/markers.h"
#include "kms/rates/rates.h"
#include "kms/usage/last_usage.h"
#include "ports/audit.h"
#include "ports/authorizer.h"
#include "ports/cluster_directory.h"
#include "ports/principal_directory.h"
#include "ports/sealer.h"
#include "store/change_feed.h"
#include "store/database.h"

namespace strongroom::kms {

class AttestationVerifier;

/// Source: spec/kms.md 8.1.
struct Limits {
  std::int64_t keys = 100'000;  // per account and region
  std::int64_t aliases_per_key = 50;
  std::int64_t grants_per_key = 50'000;
  std::int64_t custom_key_stores = 10;    // per account and region
  std::int64_t on_demand_rotations = 25;  // of a key, in its life
};

/// The KMS service: what its operations work with.
/// Threads   any of the loops.
/// Lifetime  what Parts refers to outlives it; Stop() before the loops end.
class Kms {
 public:
  struct Parts {
    store::Database& database;
    const ports::Authorizer& authorizer;
    ports::PrincipalDirectory& principals;
    ports::ClusterDirectory& clusters;
    ports::Sealer& sealer;
    std::shared_ptr<hsm_client::ClusterClient> domain;
    std::vector<Loop*> loops;
    /// Both TLS layers towards a customer's cluster whose certificate `owner` issued.
    std::function<Result<hsm_client::ClientTrust>(const crypto::Certificate& owner)> cluster_trust;
    std::chrono::seconds stale_limit = store::ChangeFeed::kStaleLimit;
    /// The deployment's Regions: where multi-Region keys can have replicas.
    std::vector<std::string> regions;
    Limits limits{};
    Throttling throttling = Throttling::kOff;
    /// Key spec SM2, which AWS has in its China Regions only.
    bool sm2 = false;
    /// Who may be a Recipient; null when this deployment trusts no attestation root.
    std::shared_ptr<const AttestationVerifier> attestation{};
    /// How proxies of external key stores are reached; as xks::Options has it when null.
    std::shared_ptr<const xks::Network> xks{};
    /// How long generations of the domain key live.
    DomainKeyTimes domain_keys{};
    /// How long a key whose time has come waits for a connected store's cluster that does not answer (spec/kms.md 2.7).
    std::chrono::milliseconds deletion_patience = std::chrono::hours(24);
    /// How long Stop waits for what is under way before that is told to give up.
    std::chrono::milliseconds stop_patience{5000};
    /// Told of what the service does by itself; null: nobody.
    ports::AuditSink* audit = nullptr;
  };
  /// Reads or makes what the service keeps for itself (the key of pagination markers). Blocks; for start-up.
  static Result<std::unique_ptr<Kms>> Make(Parts parts);

  /// Starts the background work: unfinished connects, deletions that are due.
  void Start();
  /// Ends all background work: what is under way is finished within some seconds or left for the next process to find.
  /// Not from one of the loops. Idempotent.
  void Stop();
  ~Kms();
  Kms(const Kms&) = delete;
  Kms& operator=(const Kms&) = delete;
  /// For the change feed.
  void OnChanges(std::span<const store::FeedEntry> entries);

  store::Database& database() noexcept { return parts_.database; }
  ports::AuditSink* audit() const noexcept { return parts_.audit; }
  const ports::Authorizer& authorizer() const noexcept { return parts_.authorizer; }
  ports::PrincipalDirectory& principals() noexcept { return parts_.principals; }
  ports::ClusterDirectory& clusters() noexcept { return parts_.clusters; }
  ports::Sealer& sealer() noexcept { return parts_.sealer; }
  KeyCache& keys() noexcept { return keys_; }
  /// For transactions, which may outlive the call.
  const std::shared_ptr<KeyQuota>& key_quota() const noexcept { return key_quota_; }
  GrantCache& grants() noexcept { return grants_; }
  const GrantTokens& grant_tokens() const noexcept { return grant_tokens_; }
  CustomStores& custom_stores() noexcept { return custom_stores_; }
  HsmKeyStore& domain() noexcept { return domain_; }
  Background& background() noexcept { return background_; }
  const Markers& markers() const noexcept { return markers_; }
  LastUsage& last_usage() noexcept { return last_usage_; }
  RequestRates& rates() noexcept { return rates_; }
  const Limits& limits() const noexcept { return parts_.limits; }
  const std::vector<std::string>& regions() const noexcept { return parts_.regions; }
  const AttestationVerifier* attestation() const noexcept { return parts_.attestation.get(); }
  const DomainKeyTimes& domain_key_times() const noexcept { return parts_.domain_keys; }
  std::chrono::milliseconds deletion_patience() const noexcept { return parts_.deletion_patience; }
  /// Those whose clusters did not answer when keys in them were to be destroyed. For housekeeping alone.
  std::set<std::string>& stores_waited_for() noexcept { return stores_waited_for_; }
  /// Since it was made.
  std::chrono::milliseconds running_for() const noexcept {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - made_);
  }
  bool sm2() const noexcept { return parts_.sm2; }
  const std::shared_ptr<const xks::Network>& xks_network() const noexcept { return parts_.xks; }

 private:
  Kms(Parts parts, SecretBuffer marker_key, SecretBuffer token_key);
  Task<void> Housekeeping();
  Task<void> KeepGenerations();
  Task<void> WriteUsage();

  const std::chrono::steady_clock::time_point made_ = std::chrono::steady_clock::now();
  Parts parts_;
  Background background_;
  KeyCache keys_;
  std::shared_ptr<KeyQuota> key_quota_;
  GrantCache grants_;
  CustomStores custom_stores_;
  HsmKeyStore domain_;
  Markers markers_;
  GrantTokens grant_tokens_;
  LastUsage last_usage_;
  RequestRates rates_;
  std::set<std::string> stores_waited_for_;
};

/// The service's table for the dispatcher; `service` outlives it.
aws::Service Describe(Kms& service);

}  // namespace strongroom::kms
