#include "kms/grants/cache.h"

#include "kms/grants/rows.h"

namespace strongroom::kms {

std::string GrantCache::Id(std::string_view account, std::string_view region, std::string_view feed_id) {
  std::string id;
  id.reserve(account.size() + region.size() + feed_id.size() + 2);
  id.append(account).append(1, '|').append(region).append(1, '|').append(feed_id);
  return id;
}

std::optional<GrantCache::Entry> GrantCache::Look(const std::string& id) const {
  std::shared_lock lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return std::nullopt;
  return found->second;
}

void GrantCache::Keep(const std::string& id, Entry entry, std::uint64_t seen_changes) {
  std::unique_lock lock(mutex_);
  if (changes_.load() != seen_changes) return;
  if (entries_.size() >= kMaxEntries || grants_ + entry.grants->size() > kMaxGrants) {
    entries_.clear();
    grants_ = 0;
  }
  Entry& slot = entries_[id];
  if (slot.grants) grants_ -= slot.grants->size();
  grants_ += entry.grants->size();
  slot = std::move(entry);
}

void GrantCache::Forget(const std::string& id) {
  std::unique_lock lock(mutex_);
  changes_.fetch_add(1);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  grants_ -= found->second.grants->size();
  entries_.erase(found);
}

void GrantCache::Forget(const Grant& grant) {
  Forget(Id(grant.account, grant.region, GrantFeedId(grant.key_id, grant.GranteeKey())));
}

void GrantCache::OnChanges(std::span<const store::FeedEntry> entries) {
  for (const store::FeedEntry& entry : entries) {
    if (entry.kind == store::ChangeFeed::kEverything) {
      std::unique_lock lock(mutex_);
      changes_.fetch_add(1);
      entries_.clear();
      grants_ = 0;
    } else if (entry.kind == "kms-grant") {
      Forget(Id(entry.account, entry.region, entry.id));
    }
  }
}

GrantIndexPtr GrantCache::Warm(const KeyRow& key, std::string_view grantee_key) const {
  const auto entry = Look(Id(key.account, key.region, GrantFeedId(key.key_id, grantee_key)));
  return entry && Clock::now() - entry->read < recheck_ ? entry->grants : nullptr;
}

Task<Result<GrantIndexPtr>> GrantCache::Find(KeyPtr key, std::string grantee_key) {
  const KeyRow& row = key->row;
  const std::string id = Id(row.account, row.region, GrantFeedId(row.key_id, grantee_key));
  const auto entry = Look(id);
  const auto now = Clock::now();
  if (entry && now - entry->read < recheck_) co_return entry->grants;
  const std::uint64_t seen = changes_.load();
  auto load = [key, grantee_key](store::Transaction& t) -> Result<GrantIndexPtr> {
    SR_TRY(const auto grants, GrantsOfGrantee(t, key->row.account, key->row.region, key->row.key_id, grantee_key));
    return std::make_shared<const GrantIndex>(grants);
  };
  auto grants = co_await database_.RunRead(std::move(load));
  if (!grants.ok()) {
    const bool away = grants.error().code() == Errc::kUnavailable || grants.error().code() == Errc::kTimeout;
    if (away && entry && now - entry->read < stale_limit_) co_return entry->grants;
    co_return std::move(grants).error();
  }
  Entry fresh{*grants, now};
  Keep(id, std::move(fresh), seen);
  co_return std::move(*grants);
}

}  // namespace strongroom::kms
