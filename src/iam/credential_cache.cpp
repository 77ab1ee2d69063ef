#include "iam/credential_cache.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/log.h"
#include "iam/access_keys.h"

namespace strongroom::iam {
namespace asio = boost::asio;
namespace {
using KeyMap = std::map<std::string, std::shared_ptr<const ports::Credential>, std::less<>>;

struct StoredKey {
  std::string access_key_id, account_id, principal_arn, principal_id;
  Bytes sealed;
  bool active = false;
};

Result<std::vector<StoredKey>> ReadKeys(store::Transaction& transaction) {
  SR_TRY(const store::Rows rows,
         transaction.Query("SELECT access_key_id, account_id, principal_arn, principal_id, sealed_secret, status "
                           "FROM access_keys ORDER BY access_key_id"));
  std::vector<StoredKey> keys;
  keys.reserve(rows.size());
  for (const store::Row& row : rows)
    keys.push_back({row.Text(0), row.Text(1), row.Text(2), row.Text(3), row.Blob(4), row.Text(5) == "Active"});
  return keys;
}

/// The sealed form holds a fresh salt, so another secret has another number.
std::uint64_t VersionOf(const Bytes& sealed) { return std::hash<std::string_view>()(AsText(sealed)); }

std::shared_ptr<const ports::Credential> Make(const StoredKey& key, SecretBuffer secret) {
  auto credential = std::make_shared<ports::Credential>();
  credential->caller.kind = ports::PrincipalKind::kRoot;
  credential->caller.account = key.account_id;
  credential->caller.arn = key.principal_arn;
  credential->caller.principal_id = key.principal_id;
  credential->caller.access_key_id = key.access_key_id;
  credential->secret = std::move(secret);
  credential->active = key.active;
  credential->version = VersionOf(key.sealed);
  return credential;
}

/// The feed speaks of keys, or of everything.
bool Concerns(const store::FeedEntry& entry) {
  return entry.kind == kAccessKeyChange || entry.kind == store::ChangeFeed::kEverything;
}
}  // namespace

class CredentialCache::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(Loop& loop, store::Database& database, ports::Sealer& sealer, Options options)
      : loop_(loop),
        database_(database),
        sealer_(sealer),
        options_(options),
        timer_(loop),
        keys_(std::make_shared<const KeyMap>()) {}

  std::shared_ptr<const ports::Credential> Find(std::string_view id) const {
    const auto keys = keys_.load();
    const auto found = keys->find(id);
    return found == keys->end() ? nullptr : found->second;
  }

  Task<Status> Reload() {
    const auto self = shared_from_this();
    auto read = &ReadKeys;
    SR_CO_TRY(const std::vector<StoredKey> stored, co_await database_.RunRead(read));
    const auto old = keys_.load();
    auto fresh = std::make_shared<KeyMap>();
    Status outcome;
    for (const StoredKey& key : stored) {
      auto opened = co_await OpenOne(*old, key);
      if (opened.ok()) {
        fresh->emplace(key.access_key_id, *std::move(opened));
      } else if (opened.error().code() == Errc::kBadCiphertext) {
        LogError("iam: access key " + key.access_key_id + " is left out: its seal does not open", opened.error());
      } else {
        outcome = std::move(opened).error();
      }
    }
    keys_.store(std::move(fresh));
    co_return outcome;
  }

  void Watch(store::ChangeFeed& feed) {
    feed.Subscribe([self = shared_from_this()](std::span<const store::FeedEntry> entries) {
      if (self->stopped_ || !std::any_of(entries.begin(), entries.end(), Concerns)) return;
      asio::post(self->loop_, [self] { self->WantReload(); });
    });
    asio::post(loop_, [self = shared_from_this()] { self->Arm(self->options_.recheck); });
  }

  void Stop() {
    if (stopped_.exchange(true)) return;
    asio::post(loop_, [self = shared_from_this()] { self->timer_.cancel(); });
  }

 private:
  using Opened = Result<std::shared_ptr<const ports::Credential>>;

  Task<Opened> OpenOne(const KeyMap& old, const StoredKey& key) {
    const auto known = old.find(key.access_key_id);
    if (known != old.end() && known->second->version == VersionOf(key.sealed) &&
        known->second->caller.arn == key.principal_arn && known->second->caller.account == key.account_id) {
      if (known->second->active == key.active) co_return known->second;
      SR_CO_TRY(SecretBuffer copy, known->second->secret.Clone());
      co_return Make(key, std::move(copy));
    }
    std::string purpose(kAccessKeyPurpose);
    SR_CO_TRY(SecretBuffer secret, co_await sealer_.Open(std::move(purpose), key.access_key_id, key.sealed));
    co_return Make(key, std::move(secret));
  }

  /// One reload at a time; whatever is wanted meanwhile is one more.
  void WantReload() {
    if (stopped_) return;
    wanted_ = true;
    if (running_) return;
    running_ = true;
    asio::co_spawn(loop_, ReloadWhileWanted(shared_from_this()), asio::detached);
  }

  static Task<void> ReloadWhileWanted(std::shared_ptr<Impl> self) {
    bool complete = true;
    while (self->wanted_ && !self->stopped_) {
      self->wanted_ = false;
      const Status status = co_await self->Reload();
      complete = status.ok();
      if (!complete && !self->failing_) LogError("iam: reading access keys", status.error());
      self->failing_ = !complete;
    }
    self->running_ = false;
    self->Arm(complete ? self->options_.recheck : self->options_.retry);
  }

  void Arm(std::chrono::milliseconds after) {
    if (stopped_) return;
    timer_.expires_after(after);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
      if (!cancelled) self->WantReload();
    });
  }

  Loop& loop_;
  store::Database& database_;
  ports::Sealer& sealer_;
  const Options options_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>
      timer_;
  std::atomic<std::shared_ptr<const KeyMap>> keys_;
  std::atomic<bool> stopped_ = false;
  bool running_ = false;
  bool wanted_ = false;
  bool failing_ = false;
};

CredentialCache::CredentialCache(Loop& loop, store::Database& database, ports::Sealer& sealer, Options options)
    : impl_(std::make_shared<Impl>(loop, database, sealer, options)) {}
CredentialCache::~CredentialCache() { Stop(); }

std::shared_ptr<const ports::Credential> CredentialCache::Find(std::string_view access_key_id) const {
  return impl_->Find(access_key_id);
}
Task<Status> CredentialCache::Reload() { return impl_->Reload(); }
void CredentialCache::Watch(store::ChangeFeed& feed) { impl_->Watch(feed); }
void CredentialCache::Stop() { impl_->Stop(); }

}  // namespace strongroom::iam
