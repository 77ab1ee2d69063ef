#pragma once

#include <atomic>
#include <chrono>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>

#include "base/task.h"
#include "kms/grants/index.h"
#include "kms/keys/key.h"
#include "store/change_feed.h"
#include "store/database.h"

namespace strongroom::kms {

/// The grants of keys to principals, by key and Grant::GranteeKey, as requests ask for them.
///
/// Promise   as KeyCache's: what this process commits is seen at once (Forget), what another does when its change-feed
///           entry arrives; everything is read again after `recheck`; with the database away an entry serves until
///           `stale_limit` after it was last read, then kUnavailable. That a principal has no grants is kept, too.
/// Threads   any.
class GrantCache {
 public:
  static constexpr std::chrono::seconds kRecheck{60};

  GrantCache(store::Database& database, std::chrono::seconds stale_limit, std::chrono::seconds recheck = kRecheck)
      : database_(database), stale_limit_(stale_limit), recheck_(recheck) {}

  /// The fresh cached index, or null.
  GrantIndexPtr Warm(const KeyRow& key, std::string_view grantee_key) const;
  /// From the cache or the database; never null.
  Task<Result<GrantIndexPtr>> Find(KeyPtr key, std::string grantee_key);

  void Forget(const Grant& grant);
  /// For the change feed.
  void OnChanges(std::span<const store::FeedEntry> entries);

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    GrantIndexPtr grants;
    Clock::time_point read;
  };
  static std::string Id(std::string_view account, std::string_view region, std::string_view feed_id);
  std::optional<Entry> Look(const std::string& id) const;
  void Keep(const std::string& id, Entry entry, std::uint64_t seen_changes);
  void Forget(const std::string& id);

  store::Database& database_;
  const std::chrono::seconds stale_limit_, recheck_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
  std::size_t grants_ = 0;  // in all entries
  /// Counts invalidations: what was read before one may be older than it and is not kept.
  std::atomic<std::uint64_t> changes_{0};
  static constexpr std::size_t kMaxEntries = 100'000, kMaxGrants = 500'000;
};

}  // namespace strongroom::kms
