#include <condition_variable>
#include <list>
#include <set>

#include "base/ids.h"
#include "encryption_sdk/cmm.h"
#include "encryption_sdk/errors.h"
#include "encryption_sdk/internal/cache_ids.h"
#include "encryption_sdk/internal/cmm_rules.h"

namespace strongroom::encryption_sdk {
namespace {

using internal::CacheId;

Result<EncryptionMaterials> Copy(const EncryptionMaterials& from) {
  SR_TRY(SecretBuffer key, from.data_key.Clone());
  return EncryptionMaterials{from.suite,       from.context,      std::move(key), from.encrypted_data_keys,
                             from.signing_key, from.required_keys};
}
Result<DecryptionMaterials> Copy(const DecryptionMaterials& from) {
  SR_TRY(SecretBuffer key, from.data_key.Clone());
  return DecryptionMaterials{from.suite, from.context, std::move(key), from.verification_key, from.required_keys};
}

struct Entry {
  CacheId id;
  std::chrono::steady_clock::time_point made;
  std::variant<EncryptionMaterials, DecryptionMaterials> materials;
  std::uint64_t messages = 0, bytes = 0;
};

class CachingCmm final : public Cmm {
 public:
  CachingCmm(CmmPtr inner, CacheLimits limits) : inner_(std::move(inner)), limits_(std::move(limits)) {}

  Result<EncryptionMaterials> ForEncryption(const EncryptionRequest& request) override {
    SR_TRY(const SuiteId suite, internal::SuiteFor(request));
    SR_CHECK(internal::CheckCallersContext(request.context));
    // Without derivation the data key itself would meet the same nonces again.
    if (!SuiteOf(suite).derives || !request.max_plaintext_bytes) return inner_->ForEncryption(request);
    const std::uint64_t bytes = *request.max_plaintext_bytes;
    SR_TRY(const CacheId id, internal::EncryptionCacheId(limits_.partition, request));
    EncryptionRequest inner_request = request;
    inner_request.max_plaintext_bytes.reset();
    return GetOrFetch<EncryptionMaterials>(id, bytes, bytes <= limits_.max_bytes,
                                           [&] { return inner_->ForEncryption(inner_request); });
  }

  Result<DecryptionMaterials> ForDecryption(const DecryptionRequest& request) override {
    SR_CHECK(internal::CheckMayDecrypt(request.policy, request.suite));
    SR_CHECK(internal::CheckReproduced(request.context, request.reproduced));
    SR_TRY(const CacheId id, internal::DecryptionCacheId(limits_.partition, request));
    return GetOrFetch<DecryptionMaterials>(id, 0, true, [&] { return inner_->ForDecryption(request); });
  }

 private:
  using Entries = std::list<Entry>;

  /// One thread fetches what several ask for at once.
  template <typename Materials, typename Fetch>
  Result<Materials> GetOrFetch(const CacheId& id, std::uint64_t bytes, bool keep, Fetch fetch) {
    if (!keep) return fetch();
    std::unique_lock lock(mutex_);
    for (;;) {
      if (Entry* entry = Usable(id, bytes, std::is_same_v<Materials, EncryptionMaterials>)) {
        Count(*entry, bytes);
        return Copy(std::get<Materials>(entry->materials));
      }
      if (fetching_.insert(id).second) break;
      fetched_.wait(lock);
    }
    lock.unlock();
    Result<Materials> made = fetch();
    std::optional<Materials> kept;
    if (made.ok() && SuiteOf(made->suite).derives) {
      auto copy = Copy(*made);
      if (copy.ok()) kept = *std::move(copy);
    }
    lock.lock();
    fetching_.erase(id);
    fetched_.notify_all();
    if (kept) Insert(Entry{id, limits_.now(), *std::move(kept), 1, bytes});
    return made;
  }

  /// Null when there is none, or none that may be used once more; such an entry is dropped.
  Entry* Usable(const CacheId& id, std::uint64_t bytes, bool counts) {
    const auto found = index_.find(id);
    if (found == index_.end()) return nullptr;
    const Entry& entry = *found->second;
    const bool old = limits_.now() - entry.made > limits_.max_age;
    const bool used_up = counts && (entry.messages >= limits_.max_messages || entry.bytes > limits_.max_bytes - bytes);
    if (old || used_up) {
      Drop(found->second);
      return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, found->second);
    return &entries_.front();
  }

  static void Count(Entry& entry, std::uint64_t bytes) noexcept {
    ++entry.messages;
    entry.bytes += bytes;
  }

  void Insert(Entry entry) {
    if (const auto found = index_.find(entry.id); found != index_.end()) Drop(found->second);
    while (entries_.size() >= limits_.capacity) Drop(std::prev(entries_.end()));
    entries_.push_front(std::move(entry));
    index_[entries_.front().id] = entries_.begin();
  }

  void Drop(Entries::iterator entry) {
    index_.erase(entry->id);
    entries_.erase(entry);
  }

  CmmPtr inner_;
  CacheLimits limits_;
  std::mutex mutex_;
  std::condition_variable fetched_;
  Entries entries_;  // most recently used first
  std::map<CacheId, Entries::iterator> index_;
  std::set<CacheId> fetching_;
};

}  // namespace

Result<CmmPtr> MakeCachingCmm(CmmPtr inner, CacheLimits limits) {
  constexpr std::uint64_t kMostMessages = std::uint64_t{1} << 32, kMostBytes = (std::uint64_t{1} << 63) - 1;
  if (inner == nullptr || limits.max_age <= std::chrono::milliseconds(0) || limits.max_messages == 0 ||
      limits.max_messages > kMostMessages || limits.max_bytes > kMostBytes || limits.capacity == 0 || !limits.now) {
    return MakeError(
        ErrorCode::kInvalidArgument,
        "A cache of data keys needs an age over 0, 1 to 2^32 messages, at most 2^63-1 bytes and room for at "
        "least one entry.");
  }
  if (limits.partition.empty()) limits.partition = NewUuid();
  return CmmPtr(std::make_shared<CachingCmm>(std::move(inner), std::move(limits)));
}

}  // namespace strongroom::encryption_sdk
