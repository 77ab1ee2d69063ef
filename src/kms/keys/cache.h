#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>

#include "base/task.h"
#include "kms/keys/key.h"
#include "kms/keys/rows.h"
#include "store/change_feed.h"
#include "store/database.h"

namespace strongroom::kms {

/// Keys and aliases as requests need them, so that a warm key never waits for the database.
///
/// Promise   a change committed by this process is seen at once (Forget), one by another front end when its change-feed
///           entry arrives; whatever the feed does, an entry is read again after `recheck`, or up to a half of that
///           earlier: keys that came into use together are not all read again at one moment. Not-found is never cached.
///           With the database away an entry serves until `stale_limit` after it was last read, then kUnavailable.
/// Threads   any.
class KeyCache {
 public:
  static constexpr std::chrono::seconds kRecheck{60};

  KeyCache(store::Database& database, const ports::Authorizer& authorizer, std::chrono::seconds stale_limit,
           std::chrono::seconds recheck = kRecheck)
      : database_(database), policies_(authorizer), stale_limit_(stale_limit), recheck_(recheck) {}

  /// The fresh cached key, or null: the whole hot path.
  KeyPtr Warm(std::string_view account, std::string_view region, std::string_view key_id) const;
  /// From the cache or the database; null when there is no such key.
  Task<Result<KeyPtr>> Find(std::string account, std::string region, std::string key_id);
  /// From the database, whatever the cache has, which is kept if the database is away. Null when there is no such key.
  Task<Result<KeyPtr>> Reread(std::string account, std::string region, std::string key_id);
  /// The id that an alias names; none when there is no such alias.
  Task<Result<std::optional<std::string>>> FindAlias(std::string account, std::string region, std::string name);
  std::optional<std::string> WarmAlias(std::string_view account, std::string_view region, std::string_view name) const;

  void ForgetKey(const KeyRow& row) { Forget(Id(row.account, row.region, row.key_id)); }
  void ForgetAlias(const AliasRow& row) { Forget(Id(row.account, row.region, row.name)); }
  /// For the change feed.
  void OnChanges(std::span<const store::FeedEntry> entries);

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    KeyPtr key;          // set for keys
    std::string key_id;  // set for aliases
    Clock::time_point read;
    Clock::time_point due;  // to be read again
  };
  Entry Fresh(KeyPtr key, std::string key_id, Clock::time_point now) const;
  static std::string Id(std::string_view account, std::string_view region, std::string_view name);
  std::optional<Entry> Look(const std::string& id) const;
  void Keep(const std::string& id, Entry entry, std::uint64_t seen_changes);
  void Forget(const std::string& id);

  store::Database& database_;
  KeyPolicies policies_;
  const std::chrono::seconds stale_limit_, recheck_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
  /// Counts invalidations: what was read before one may be older than it and is not kept.
  std::atomic<std::uint64_t> changes_{0};
  static constexpr std::size_t kMaxEntries = 200'000;
};

}  // namespace strongroom::kms
