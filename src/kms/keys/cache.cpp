#include "kms/keys/cache.h"

#include <random>

namespace strongroom::kms {

std::string KeyCache::Id(std::string_view account, std::string_view region, std::string_view name) {
  std::string id;
  id.reserve(account.size() + region.size() + name.size() + 2);
  id.append(account).append(1, '|').append(region).append(1, '|').append(name);
  return id;
}

KeyCache::Entry KeyCache::Fresh(KeyPtr key, std::string key_id, Clock::time_point now) const {
  thread_local std::minstd_rand dice(std::random_device{}());
  const Clock::duration longest = recheck_;
  const Clock::duration earlier(std::uniform_int_distribution<Clock::rep>(0, longest.count() / 2)(dice));
  return {std::move(key), std::move(key_id), now, now + longest - earlier};
}

std::optional<KeyCache::Entry> KeyCache::Look(const std::string& id) const {
  std::shared_lock lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return std::nullopt;
  return found->second;
}

void KeyCache::Keep(const std::string& id, Entry entry, std::uint64_t seen_changes) {
  std::unique_lock lock(mutex_);
  if (changes_.load() != seen_changes) return;
  if (entries_.size() >= kMaxEntries) entries_.clear();
  entries_.insert_or_assign(id, std::move(entry));
}

void KeyCache::Forget(const std::string& id) {
  std::unique_lock lock(mutex_);
  changes_.fetch_add(1);
  entries_.erase(id);
}

void KeyCache::OnChanges(std::span<const store::FeedEntry> entries) {
  for (const store::FeedEntry& entry : entries) {
    if (entry.kind == store::ChangeFeed::kEverything) {
      std::unique_lock lock(mutex_);
      changes_.fetch_add(1);
      entries_.clear();
    } else if (entry.kind == "kms-key" || entry.kind == "kms-alias") {
      Forget(Id(entry.account, entry.region, entry.id));
    }
  }
}

KeyPtr KeyCache::Warm(std::string_view account, std::string_view region, std::string_view key_id) const {
  const auto entry = Look(Id(account, region, key_id));
  return entry && entry->key && Clock::now() < entry->due ? entry->key : nullptr;
}

std::optional<std::string> KeyCache::WarmAlias(std::string_view account, std::string_view region,
                                               std::string_view name) const {
  const auto entry = Look(Id(account, region, name));
  if (!entry || entry->key || Clock::now() >= entry->due) return std::nullopt;
  return entry->key_id;
}

Task<Result<KeyPtr>> KeyCache::Find(std::string account, std::string region, std::string key_id) {
  const std::string id = Id(account, region, key_id);
  const auto entry = Look(id);
  const auto now = Clock::now();
  if (entry && entry->key && now < entry->due) co_return entry->key;
  auto read = co_await Reread(std::move(account), std::move(region), std::move(key_id));
  if (read.ok()) co_return read;
  const bool away = read.error().code() == Errc::kUnavailable || read.error().code() == Errc::kTimeout;
  if (away && entry && entry->key && now - entry->read < stale_limit_) co_return entry->key;
  co_return std::move(read).error();
}

Task<Result<KeyPtr>> KeyCache::Reread(std::string account, std::string region, std::string key_id) {
  const std::string id = Id(account, region, key_id);
  const auto now = Clock::now();
  const std::uint64_t seen = changes_.load();
  auto load = [account, region, key_id](store::Transaction& t) { return LoadKey(t, account, region, key_id); };
  SR_CO_TRY(auto row, co_await database_.RunRead(std::move(load)));
  if (!row) co_return KeyPtr();
  SR_CO_TRY(KeyPtr key, MakeKey(std::move(*row), policies_));
  Entry fresh = Fresh(key, "", now);
  Keep(id, std::move(fresh), seen);
  co_return key;
}

Task<Result<std::optional<std::string>>> KeyCache::FindAlias(std::string account, std::string region,
                                                             std::string name) {
  const std::string id = Id(account, region, name);
  const auto entry = Look(id);
  const auto now = Clock::now();
  if (entry && !entry->key && now < entry->due) co_return std::optional<std::string>(entry->key_id);
  const std::uint64_t seen = changes_.load();
  auto load = [account, region, name](store::Transaction& t) { return LoadAlias(t, account, region, name); };
  auto row = co_await database_.RunRead(std::move(load));
  if (!row.ok()) {
    const bool away = row.error().code() == Errc::kUnavailable || row.error().code() == Errc::kTimeout;
    if (away && entry && !entry->key && now - entry->read < stale_limit_)
      co_return std::optional<std::string>(entry->key_id);
    co_return std::move(row).error();
  }
  if (!*row) co_return std::optional<std::string>();
  Entry fresh = Fresh(nullptr, (*row)->key_id, now);
  Keep(id, std::move(fresh), seen);
  co_return std::optional<std::string>((*row)->key_id);
}

}  // namespace strongroom::kms
