#include "iam/credential_cache.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "crypto/hash.h"
#include "iam/access_keys.h"
#include "iam/service.h"
#include "iam/sessions/bounded_map.h"
#include "iam/sessions/credential.h"
#include "store/reloader.h"

namespace strongroom::iam {
namespace {

/// An access key as the store has it, and what it stands for as things stood when it was made.
struct KnownKey {
  std::string account_id, principal_id;
  Bytes sealed;
  bool active = false;
  std::shared_ptr<const ports::Credential> credential;  // null: its principal is not there
};
using KeyMap = std::map<std::string, std::shared_ptr<const KnownKey>, std::less<>>;

/// What was in the store at one moment. Immutable; what has not changed is shared with the view before.
struct View {
  KeyMap keys;
  std::shared_ptr<const PrincipalSet> principals = std::make_shared<const PrincipalSet>();
};

/// What is to be read again; nothing named: all.
struct Changes {
  ChangedIds principals;
  std::set<std::string, std::less<>> keys;

  bool empty() const { return principals.empty() && keys.empty(); }
  std::size_t size() const { return principals.size() + keys.size(); }
};
// Beyond, reading all costs less.
constexpr std::size_t kMostChanges = 500;

/// A sealed form holds a fresh salt, so another secret has another number; so it is with tokens.
std::uint64_t VersionOf(std::string_view sealed) { return std::hash<std::string_view>()(sealed); }

std::shared_ptr<const KnownKey> As(const PrincipalSet& principals, const std::string& id, const KnownKey& key) {
  auto made = std::make_shared<KnownKey>(key);
  auto credential = PermanentCredential(principals, key.account_id, key.principal_id, id);
  if (credential) {
    credential->active = key.active;
    credential->version = VersionOf(AsText(key.sealed));
  }
  made->credential = std::move(credential);
  return made;
}

/// All keys, or those of one id.
Status ReadKeys(store::Transaction& t, const std::string* only, View& view) {
  std::string sql = "SELECT access_key_id, account_id, principal_id, sealed_secret, status FROM access_keys";
  std::vector<store::Value> values;
  if (only != nullptr) {
    sql += " WHERE access_key_id = $1";
    values = {store::Text(*only)};
  }
  SR_TRY(const store::Rows rows, t.Query(sql, values));
  for (const store::Row& row : rows) {
    const KnownKey key{row.Text(1), row.Text(2), row.Blob(3), row.Text(4) == "Active", nullptr};
    view.keys.insert_or_assign(row.Text(0), As(*view.principals, row.Text(0), key));
  }
  return {};
}

Result<std::shared_ptr<View>> ReadAll(store::Transaction& t, const ports::Authorizer& authorizer, const View& before) {
  auto view = std::make_shared<View>();
  SR_TRY(view->principals, PrincipalSet::Read(t, authorizer, before.principals.get()));
  SR_CHECK(ReadKeys(t, nullptr, *view));
  return view;
}

/// Null where nothing has changed.
Result<std::shared_ptr<View>> ReadChanged(store::Transaction& t, const ports::Authorizer& authorizer,
                                          const View& before, const Changes& changes) {
  SR_TRY(auto principals, PrincipalSet::ReadChanged(t, authorizer, before.principals, changes.principals));
  const bool same = principals == before.principals;
  if (same && changes.keys.empty()) return std::shared_ptr<View>();
  auto view = std::make_shared<View>();
  view->keys = before.keys;
  view->principals = std::move(principals);
  for (const std::string& id : changes.keys) {
    view->keys.erase(id);
    SR_CHECK(ReadKeys(t, &id, *view));
  }
  if (same) return view;
  for (auto& [id, key] : view->keys) {
    if (before.principals->Find(key->principal_id) != view->principals->Find(key->principal_id))
      key = As(*view->principals, id, *key);
  }
  return view;
}

/// Temporary credentials that have been opened. `credential` is as things stood in `principals`.
struct OpenSession {
  std::shared_ptr<const proto::SessionClaims> claims;
  std::shared_ptr<const std::vector<ports::NamedPolicy>> policies;
  std::shared_ptr<const ports::Credential> credential;
  std::shared_ptr<const PrincipalSet> principals;
};

bool Concerns(const store::FeedEntry& entry) {
  return entry.kind == kAccessKeyChange || entry.kind == kPrincipalChange ||
         entry.kind == store::ChangeFeed::kEverything;
}

std::string KeyName(std::string_view id, std::uint64_t version, const crypto::SigningScope& scope) {
  std::string name(scope.date);
  for (const std::string_view part : {scope.region, scope.service, id}) name.append(1, '\n').append(part);
  return name.append(1, '\n').append(std::to_string(version));
}

struct NamedKey {
  std::string_view date, region, service, id, version;
};
NamedKey TakeApart(std::string_view name) {
  NamedKey key;
  for (std::string_view* part : {&key.date, &key.region, &key.service, &key.id, &key.version}) {
    *part = name.substr(0, name.find('\n'));
    name.remove_prefix(std::min(name.size(), part->size() + 1));
  }
  return key;
}

std::string DayText(ports::WallTime time) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(time));
  return fmt::format("{:04}{:02}{:02}", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                     static_cast<unsigned>(day.day()));
}

Error NoSuchAccessKey() {
  return Error(Errc::kUnrecognizedClient, "The security token included in the request is invalid.");
}
}  // namespace

class CredentialCache::Impl : public std::enable_shared_from_this<Impl> {
 public:
  using SigningKey = std::shared_ptr<const SecretBuffer>;

  Impl(Parts parts, Options options)
      : parts_(parts),
        options_(options),
        clock_(options.clock != nullptr ? *options.clock : ports::SystemClock()),
        view_(std::make_shared<const View>()),
        sessions_(options.most_sessions),
        signing_keys_(options.most_keys) {}

  std::shared_ptr<const ports::Credential> Find(std::string_view id) {
    const auto view = view_.load();
    const auto found = view->keys.find(id);
    if (found != view->keys.end()) return found->second->credential;
    if (!id.starts_with("ASIA")) return nullptr;
    const auto session = sessions_.Find(id);
    if (!session) return nullptr;
    if (session->principals == view->principals) return session->credential;
    OpenSession renewed = As(*view, *session);
    sessions_.Put(std::string(id), renewed);
    return renewed.credential;
  }

  SigningKey FindKey(const ports::Credential& credential, const crypto::SigningScope& scope) {
    return signing_keys_.Find(KeyName(credential.caller.access_key_id, credential.version, scope)).value_or(nullptr);
  }

  const SessionTokens& tokens() const { return parts_.tokens; }

  Task<Status> Fetch(ports::WantedKey wanted) {
    if (wanted.session_token.empty()) co_return co_await FetchPermanent(std::move(wanted));
    co_return co_await FetchSession(std::move(wanted));
  }

  Task<Status> Reload() { return Refresh(Changes()); }

  Task<void> FetchAhead() {
    const auto self = shared_from_this();
    const auto now = clock_.Now();
    const std::string today = DayText(now), tomorrow = DayText(now + std::chrono::days(1));
    const std::string yesterday = DayText(now - std::chrono::days(1));
    signing_keys_.EraseIf([&](const std::string& name, const SigningKey&) { return name.substr(0, 8) < yesterday; });
    for (const auto& [name, key] : signing_keys_.All()) {
      const NamedKey parts = TakeApart(name);
      if (stopped_ || parts.date != today) continue;
      ports::WantedKey wanted{
          std::string(parts.id), {}, tomorrow, std::string(parts.region), std::string(parts.service)};
      const auto credential = Find(parts.id);
      if (!credential || !credential->active || credential->is_temporary() ||
          FindKey(*credential, {tomorrow, parts.region, parts.service}))
        continue;
      if (const Status fetched = co_await Fetch(std::move(wanted)); !fetched.ok())
        LogError("iam: fetching tomorrow's signing keys", fetched.error());
    }
  }

  void ForgetExpired() {
    const auto now = clock_.Now();
    sessions_.EraseIf([now](const std::string&, const OpenSession& session) {
      return session.credential->expires_at && *session.credential->expires_at <= now;
    });
  }

  void Watch(store::ChangeFeed& feed) {
    reloader_ = std::make_shared<store::Reloader>(
        parts_.loop, store::Reloader::Options{.what = "iam: reading access keys and principals",
                                              .every = options_.recheck,
                                              .retry = options_.retry,
                                              .concerns = Concerns,
                                              .reload = [weak = weak_from_this()] { return LookAgain(weak.lock()); }});
    // Before the reloader, so that what it is told of is noted by then.
    feed.Subscribe([weak = weak_from_this()](std::span<const store::FeedEntry> entries) {
      if (const auto self = weak.lock()) self->NoteChanges(entries);
    });
    reloader_->Watch(feed);
  }

  void Stop() {
    if (stopped_.exchange(true)) return;
    if (reloader_) reloader_->Stop();
  }

 private:
  /// Reads what has changed, or everything, on top of the view that is there by then.
  Task<Status> Refresh(Changes changes) {
    const auto self = shared_from_this();
    for (;;) {
      const auto before = view_.load();
      auto read = [&authorizer = parts_.authorizer, before,
                   changes](store::Transaction& t) -> Result<std::shared_ptr<View>> {
        if (changes.empty() || changes.size() > kMostChanges) return ReadAll(t, authorizer, *before);
        return ReadChanged(t, authorizer, *before, changes);
      };
      SR_CO_TRY(const std::shared_ptr<View> fresh, co_await parts_.database.RunRead(std::move(read)));
      if (!fresh) co_return Status();
      // A view that came meanwhile may have what this one has not, which began before it: then once more.
      const std::lock_guard lock(storing_);
      if (view_.load() != before) continue;
      view_.store(fresh);
      co_return Status();
    }
  }

  void NoteChanges(std::span<const store::FeedEntry> entries) {
    const std::lock_guard lock(noting_);
    for (const store::FeedEntry& entry : entries) {
      if (entry.kind == kAccessKeyChange) noted_.keys.insert(entry.id);
      if (entry.kind == kPrincipalChange) noted_.principals.emplace(entry.account, entry.id);
      if (entry.kind == store::ChangeFeed::kEverything) all_noted_ = true;
    }
  }
  /// What was noted since it was taken last; nothing, and so everything, when it is time for that.
  Changes TakeChanges() {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(noting_);
    Changes taken = std::exchange(noted_, {});
    const bool all = std::exchange(all_noted_, false) || now - all_read_at_ >= options_.recheck;
    if (!all) return taken;
    all_read_at_ = now;
    return Changes();
  }
  void PutBack(Changes changes) {
    const std::lock_guard lock(noting_);
    if (changes.empty()) all_noted_ = true;
    noted_.principals.merge(changes.principals);
    noted_.keys.merge(changes.keys);
  }

  Task<Status> FetchPermanent(ports::WantedKey wanted) {
    const auto view = view_.load();
    const auto found = view->keys.find(wanted.access_key_id);
    if (found == view->keys.end() || !found->second->active || !found->second->credential) co_return NoSuchAccessKey();
    const KnownKey& key = *found->second;
    std::string name =
        KeyName(wanted.access_key_id, key.credential->version, {wanted.date, wanted.region, wanted.service});
    auto terms = AccessKeyTerms(key.credential->caller.account, key.principal_id, wanted.access_key_id);
    Bytes sealed = key.sealed;
    auto derived = co_await parts_.secrets.Derive(std::move(terms), std::move(sealed), std::move(wanted.date),
                                                  std::move(wanted.region), std::move(wanted.service));
    if (!derived.ok()) {
      if (derived.error().code() != Errc::kBadCiphertext) co_return std::move(derived).error();
      LogError("iam: access key " + wanted.access_key_id + " does not open: its row is another's, or damaged",
               derived.error());
      co_return NoSuchAccessKey();
    }
    signing_keys_.Put(std::move(name), std::make_shared<const SecretBuffer>(std::move(derived->signing_key)));
    co_return Status();
  }

  Task<Status> FetchSession(ports::WantedKey wanted) {
    ports::WantedKey asked = wanted;
    SR_CO_TRY(SessionTokens::Opened opened, co_await parts_.tokens.Open(std::move(asked)));
    auto view = view_.load();
    const bool of_root = opened.claims.principal_id() == opened.claims.account();
    if (!of_root && !view->principals->Find(opened.claims.principal_id())) {
      // A role that was made a moment ago may not have arrived here yet.
      Changes only;
      only.principals.emplace(opened.claims.account(), opened.claims.principal_id());
      SR_CO_CHECK(co_await Refresh(std::move(only)));
      view = view_.load();
    }
    OpenSession session;
    SR_CO_TRY(session.policies, CompilePolicies(opened.claims));
    session.claims = std::make_shared<const proto::SessionClaims>(std::move(opened.claims));
    ports::Credential facts;
    facts.caller.access_key_id = wanted.access_key_id;
    facts.expires_at = opened.expires_at;
    facts.version = VersionOf(wanted.session_token);
    facts.session_token_sha256 = crypto::Sha256(AsBytes(wanted.session_token));
    session.credential = std::make_shared<const ports::Credential>(std::move(facts));
    OpenSession ready = As(*view, session);
    std::string name =
        KeyName(wanted.access_key_id, ready.credential->version, {wanted.date, wanted.region, wanted.service});
    signing_keys_.Put(std::move(name), std::make_shared<const SecretBuffer>(std::move(opened.signing_key)));
    sessions_.Put(wanted.access_key_id, std::move(ready));
    co_return Status();
  }

  Result<std::shared_ptr<const std::vector<ports::NamedPolicy>>> CompilePolicies(const proto::SessionClaims& claims) {
    auto all = std::make_shared<std::vector<ports::NamedPolicy>>();
    for (const std::string& text : claims.policies()) {
      SR_TRY(auto policy, parts_.authorizer.Compile(ports::PolicyKind::kSession, text));
      all->push_back({"session-policy", std::move(policy)});
    }
    return std::shared_ptr<const std::vector<ports::NamedPolicy>>(std::move(all));
  }

  /// The session as things stand in `view`.
  static OpenSession As(const View& view, const OpenSession& session) {
    const ports::Credential& old = *session.credential;
    auto fresh = SessionCredential(*view.principals, *session.claims, old.caller.access_key_id, *session.policies);
    fresh->session_token_sha256 = old.session_token_sha256;
    fresh->expires_at = old.expires_at;
    fresh->version = old.version;
    return OpenSession{session.claims, session.policies, std::move(fresh), view.principals};
  }

  static Task<Status> LookAgain(std::shared_ptr<Impl> self) {
    if (!self) co_return Status();
    self->ForgetExpired();
    Changes changes = self->TakeChanges();
    if (const Status read = co_await self->Refresh(changes); !read.ok()) {
      self->PutBack(std::move(changes));
      co_return read;
    }
    const auto now = self->clock_.Now();
    const auto midnight = std::chrono::floor<std::chrono::days>(now) + std::chrono::days(1);
    if (!self->stopped_ && midnight - now <= self->options_.ahead) co_await self->FetchAhead();
    co_return Status();
  }

  const Parts parts_;
  const Options options_;
  const ports::Clock& clock_;
  std::shared_ptr<store::Reloader> reloader_;      // once it watches
  std::atomic<std::shared_ptr<const View>> view_;  // stored under storing_
  std::mutex storing_;
  std::mutex noting_;  // of what follows
  Changes noted_;
  bool all_noted_ = false;
  std::chrono::steady_clock::time_point all_read_at_ = std::chrono::steady_clock::now();
  BoundedMap<OpenSession> sessions_;
  BoundedMap<SigningKey> signing_keys_;
  std::atomic<bool> stopped_ = false;
};

CredentialCache::CredentialCache(Parts parts, Options options) : impl_(std::make_shared<Impl>(parts, options)) {}
CredentialCache::~CredentialCache() { Stop(); }

std::shared_ptr<const ports::Credential> CredentialCache::Find(std::string_view access_key_id) const {
  return impl_->Find(access_key_id);
}
std::shared_ptr<const SecretBuffer> CredentialCache::Find(const ports::Credential& credential,
                                                          const crypto::SigningScope& scope) const {
  return impl_->FindKey(credential, scope);
}
ports::SigningKeySource::Token CredentialCache::Judge(std::string_view access_key_id, std::string_view session_token,
                                                      ports::WallTime now) const {
  return impl_->tokens().Judge(access_key_id, session_token, now);
}
Task<Status> CredentialCache::Fetch(ports::WantedKey wanted) { return impl_->Fetch(std::move(wanted)); }
Task<Status> CredentialCache::Reload() { return impl_->Reload(); }
Task<void> CredentialCache::FetchAhead() { return impl_->FetchAhead(); }
void CredentialCache::ForgetExpired() { impl_->ForgetExpired(); }
void CredentialCache::Watch(store::ChangeFeed& feed) { impl_->Watch(feed); }
void CredentialCache::Stop() { impl_->Stop(); }

}  // namespace strongroom::iam
