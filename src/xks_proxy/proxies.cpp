#include "xks_proxy/proxies.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>

#include "base/log.h"
#include "store/reloader.h"

namespace strongroom::xks_proxy {
namespace asio = boost::asio;
namespace {

using CredentialPtr = std::shared_ptr<const ports::Credential>;
constexpr std::chrono::seconds kFirstConnect{10};

struct Known {
  CredentialPtr credential;
  std::int64_t until = 0;  // milliseconds; 0: as long as it is there
};
struct Table {
  std::map<std::string, ProxyPtr, std::less<>> by_path, by_id;
  std::map<std::string, Known, std::less<>> credentials;
};

std::int64_t Millis(ports::WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

/// A failure that may be over at the next look.
bool Passing(Errc code) { return code == Errc::kUnavailable || code == Errc::kTimeout || code == Errc::kThrottled; }

bool Concerns(const store::FeedEntry& entry) {
  return entry.kind == kProxyChange || entry.kind == store::ChangeFeed::kEverything;
}

}  // namespace

class Proxies::Impl : public std::enable_shared_from_this<Impl> {
 public:
  explicit Impl(Parts parts) : parts_(std::move(parts)), table_(std::make_shared<const Table>()) {
    if (parts_.clock == nullptr) parts_.clock = &ports::SystemClock();
  }

  std::shared_ptr<const Table> table() const { return table_.load(); }
  const Parts& parts() const noexcept { return parts_; }

  Result<std::shared_ptr<hsm_client::ClusterClient>> MakeClient(const ports::ClusterInfo& cluster,
                                                                const std::string& user_name,
                                                                SecretBuffer password) const {
    SR_TRY(const auto owner, crypto::Certificate::FromDer(cluster.trust_anchor));
    SR_TRY(auto trust, parts_.trust(owner));
    hsm_client::ClusterOptions options;
    options.seeds = Seeds(cluster);
    options.port = parts_.hsm_port;
    hsm_client::Credentials credentials;
    credentials.type = proto::CU;
    credentials.name = user_name;
    credentials.password = std::move(password);
    options.credentials = std::move(credentials);
    return hsm_client::ClusterClient::Create(parts_.loops, std::move(trust), std::move(options));
  }

  Task<Status> Reload() {
    auto list = [](store::Transaction& t) { return ListProxies(t, ""); };
    const std::uint64_t mine = ++begun_;
    SR_CO_TRY(const std::vector<ProxyRow> rows, co_await parts_.database.RunRead(std::move(list)));
    const std::shared_ptr<const Table> old = table();
    auto fresh = std::make_shared<Table>();
    Status outcome;
    for (const ProxyRow& row : rows) {
      const Status opened = co_await Open(*old, row, *fresh);
      if (!opened.ok() && outcome.ok()) outcome = opened;
    }
    // Of two at once, the one that began later has read later.
    if (mine < stored_ || stopped_) co_return outcome;
    stored_ = mine;
    table_.store(std::move(fresh));
    co_return outcome;
  }

  void Watch(store::ChangeFeed& feed) {
    reloader_ = std::make_shared<store::Reloader>(
        parts_.loop, store::Reloader::Options{.what = "reading external key store proxies",
                                              .every = parts_.recheck,
                                              .retry = parts_.retry,
                                              .concerns = Concerns,
                                              .reload = [weak = weak_from_this()] { return ReloadIf(weak.lock()); }});
    reloader_->Watch(feed);
  }

  void Stop() {
    if (stopped_.exchange(true)) return;
    const std::shared_ptr<const Table> old = table_.exchange(std::make_shared<const Table>());
    for (const auto& [id, proxy] : old->by_id)
      if (proxy->keys) proxy->keys->client()->Close();
    if (reloader_) reloader_->Stop();
  }

 private:
  std::vector<hsm_client::Endpoint> Seeds(const ports::ClusterInfo& cluster) const {
    std::vector<hsm_client::Endpoint> seeds;
    for (const ports::ClusterHsm& hsm : cluster.hsms) {
      if (!hsm.active) continue;
      hsm_client::Endpoint endpoint;
      endpoint.address = hsm.address;
      endpoint.port = parts_.hsm_port;
      seeds.push_back(std::move(endpoint));
    }
    return seeds;
  }

  /// Puts one row into `fresh`. What fails for good is told to callers, what may pass also to whoever reloads.
  Task<Status> Open(const Table& old, const ProxyRow& row, Table& fresh) {
    Status outcome = co_await OpenCredential(old, row, row.access_key_id, row.sealed_secret, 0, fresh);
    if (row.previous_access_key_id && row.sealed_previous_secret && row.previous_until > Millis(parts_.clock->Now())) {
      const Status previous = co_await OpenCredential(old, row, *row.previous_access_key_id,
                                                      *row.sealed_previous_secret, row.previous_until, fresh);
      if (outcome.ok()) outcome = previous;
    }
    auto proxy = std::make_shared<Proxy>();
    proxy->row = row;
    auto keys = co_await OpenKeys(old, row);
    if (keys.ok()) {
      proxy->keys = std::move(keys).value();
    } else {
      if (Passing(keys.error().code()) && outcome.ok()) outcome = keys.error();
      proxy->failure = std::move(keys).error();
    }
    fresh.by_path.emplace(row.path_prefix, proxy);
    fresh.by_id.emplace(row.proxy_id, proxy);
    co_return outcome;
  }

  Task<Status> OpenCredential(const Table& old, const ProxyRow& row, const std::string& id, const Bytes& sealed,
                              std::int64_t until, Table& fresh) {
    const std::uint64_t version = std::hash<std::string_view>()(AsText(sealed));
    const auto known = old.credentials.find(id);
    if (known != old.credentials.end() && known->second.credential->version == version &&
        known->second.credential->caller.principal_id == row.proxy_id) {
      fresh.credentials.emplace(id, Known{known->second.credential, until});
      co_return Status();
    }
    std::string purpose(kSecretPurpose);
    auto secret = co_await parts_.sealer.Open(std::move(purpose), SecretName(row, id), sealed);
    if (!secret.ok()) {
      if (Passing(secret.error().code())) co_return std::move(secret).error();
      LogError("external key store proxy " + row.proxy_id + ": opening its credential", secret.error());
      co_return Status();
    }
    auto credential = std::make_shared<ports::Credential>();
    credential->caller.kind = ports::PrincipalKind::kService;
    credential->caller.account = row.account;
    credential->caller.principal_id = row.proxy_id;
    credential->caller.access_key_id = id;
    credential->secret = std::move(secret).value();
    credential->version = version;
    fresh.credentials.emplace(id, Known{std::move(credential), until});
    co_return Status();
  }

  Task<Result<std::shared_ptr<ClusterKeys>>> OpenKeys(const Table& old, const ProxyRow& row) {
    if (!row.enabled()) co_return Error(Errc::kInvalidState, "The external key store proxy is switched off.");
    SR_CO_TRY(const auto cluster, co_await parts_.clusters.Find(row.account, row.region, row.cluster_id));
    if (!cluster) co_return Error(Errc::kInvalidState, "The proxy's cluster does not exist any more.");
    const auto known = old.by_id.find(row.proxy_id);
    if (known != old.by_id.end() && known->second->keys && known->second->row.sealed_password == row.sealed_password &&
        StillThere(*known->second->keys, *cluster))
      co_return known->second->keys;
    if (cluster->active_hsms() == 0) co_return Error(Errc::kUnavailable, "No HSM of the proxy's cluster serves.");
    std::string purpose(kPasswordPurpose);
    auto password =
        co_await parts_.sealer.Open(std::move(purpose), PasswordName(row, cluster->trust_anchor), row.sealed_password);
    if (!password.ok()) {
      if (Passing(password.error().code())) co_return std::move(password).error();
      co_return Error(Errc::kInternal, "The proxy's password does not open.").WithDetail(password.error().ForLog());
    }
    SR_CO_TRY(auto client, MakeClient(*cluster, row.user_name, std::move(password).value()));
    asio::co_spawn(*parts_.loops.front(), Warm(client, row.proxy_id, parts_.loops), asio::detached);
    co_return std::make_shared<ClusterKeys>(std::move(client));
  }

  /// Whether a client still knows where the cluster is: it reaches somebody, or what it knows is what there is.
  bool StillThere(const ClusterKeys& keys, const ports::ClusterInfo& cluster) const {
    const auto members = keys.client()->Members();
    if (std::any_of(members.begin(), members.end(), [](const auto& member) { return member.connections > 0; }))
      return true;
    const auto seeds = Seeds(cluster);
    return std::all_of(seeds.begin(), seeds.end(), [&](const hsm_client::Endpoint& seed) {
      return std::any_of(members.begin(), members.end(), [&](const auto& member) { return member.endpoint == seed; });
    });
  }

  /// Connects and logs in before the first request does, whose caller waits a quarter of a second. One loop after the
  /// other, so that a wrong password is tried once.
  static Task<void> Warm(std::shared_ptr<hsm_client::ClusterClient> client, std::string proxy_id,
                         std::vector<Loop*> loops) {
    const Status reached = co_await client->Probe(hsm_client::Clock::now() + kFirstConnect);
    if (!reached.ok()) {
      if (reached.error().code() != Errc::kCancelled)
        LogError("external key store proxy " + proxy_id + ": reaching its cluster", reached.error());
      co_return;
    }
    for (std::size_t i = 1; i < loops.size(); ++i) asio::co_spawn(*loops[i], Touch(client), asio::detached);
  }
  static Task<void> Touch(std::shared_ptr<hsm_client::ClusterClient> client) {
    (void)co_await client->Probe(hsm_client::Clock::now() + kFirstConnect);
  }

  static Task<Status> ReloadIf(std::shared_ptr<Impl> self) {
    if (!self) co_return Status();
    co_return co_await self->Reload();
  }

  Parts parts_;
  std::shared_ptr<store::Reloader> reloader_;  // once it watches
  std::atomic<std::shared_ptr<const Table>> table_;
  std::atomic<bool> stopped_ = false;
  // On parts_.loop.
  std::uint64_t begun_ = 0, stored_ = 0;
};

Proxies::Proxies(Parts parts) : impl_(std::make_shared<Impl>(std::move(parts))) {}
Proxies::~Proxies() { Stop(); }

ProxyPtr Proxies::AtPath(std::string_view path_prefix) const {
  const auto table = impl_->table();
  const auto found = table->by_path.find(path_prefix);
  return found == table->by_path.end() ? nullptr : found->second;
}
ProxyPtr Proxies::WithId(std::string_view proxy_id) const {
  const auto table = impl_->table();
  const auto found = table->by_id.find(proxy_id);
  return found == table->by_id.end() ? nullptr : found->second;
}
std::shared_ptr<const ports::Credential> Proxies::Find(std::string_view access_key_id) const {
  const auto table = impl_->table();
  const auto found = table->credentials.find(access_key_id);
  if (found == table->credentials.end()) return nullptr;
  const Known& known = found->second;
  if (known.until != 0 && known.until <= Millis(impl_->parts().clock->Now())) return nullptr;
  return known.credential;
}

Task<Status> Proxies::Reload() {
  const std::shared_ptr<Impl> impl = impl_;
  co_return co_await asio::co_spawn(impl->parts().loop, impl->Reload(), asio::use_awaitable_t<LoopExecutor>{});
}
void Proxies::Watch(store::ChangeFeed& feed) { impl_->Watch(feed); }
void Proxies::Stop() { impl_->Stop(); }

Result<std::shared_ptr<hsm_client::ClusterClient>> Proxies::MakeClient(const ports::ClusterInfo& cluster,
                                                                       const std::string& user_name,
                                                                       SecretBuffer password) const {
  return impl_->MakeClient(cluster, user_name, std::move(password));
}

}  // namespace strongroom::xks_proxy
