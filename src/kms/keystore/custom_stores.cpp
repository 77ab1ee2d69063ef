#include "kms/keystore/custom_stores.h"

#include <array>

#include "base/ids.h"
#include "base/log.h"
#include "kms/xks/failures.h"

namespace strongroom::kms {

namespace {
/// How old an entry is made that is known to have changed: it is read again, and never served for want of a database.
constexpr std::chrono::hours kLongAgo{24 * 365};
constexpr std::chrono::seconds kWatchInterval{5};
/// How long a connect is tried again while KMS's own parts are away, which is not the store's fault.
constexpr std::chrono::seconds kOwnTroublePatience{5};
constexpr std::chrono::milliseconds kOwnTroublePause{250};
constexpr std::array kUnfinished{ConnectionState::kConnecting, ConnectionState::kDisconnecting};
}  // namespace

std::string CustomStores::Id(std::string_view account, std::string_view region, std::string_view store_id) {
  std::string id;
  id.reserve(account.size() + region.size() + store_id.size() + 2);
  id.append(account).append(1, '|').append(region).append(1, '|').append(store_id);
  return id;
}

CustomStores::ViewPtr CustomStores::Warm(std::string_view account, std::string_view region,
                                         std::string_view store_id) const {
  std::shared_lock lock(mutex_);
  const auto found = entries_.find(Id(account, region, store_id));
  if (found == entries_.end() || Clock::now() - found->second.read >= parts_.recheck) return nullptr;
  return found->second.view;
}

Error CustomStores::View::Unusable() const {
  if (failure) return *failure;
  return Error(Errc::kCustomKeyStoreInvalidState, "Custom key store " + row.store_id + " is not connected.");
}

Task<Result<CustomStores::ViewPtr>> CustomStores::Find(std::string account, std::string region, std::string store_id) {
  if (ViewPtr view = Warm(account, region, store_id)) co_return view;
  const std::string id = Id(account, region, store_id);
  ViewPtr old;
  Clock::time_point old_read;
  std::uint64_t seen = 0;
  {
    std::shared_lock lock(mutex_);
    const auto found = entries_.find(id);
    if (found != entries_.end()) {
      old = found->second.view;
      old_read = found->second.read;
    }
    seen = changes_;
  }
  auto load = [account, region, store_id](store::Transaction& t) {
    return LoadCustomStore(t, account, region, store_id);
  };
  auto read = co_await parts_.database.RunRead(std::move(load));
  if (!read.ok()) {
    const bool away = read.error().code() == Errc::kUnavailable || read.error().code() == Errc::kTimeout;
    if (away && old && Clock::now() - old_read < parts_.stale_limit) co_return old;
    co_return std::move(read).error();
  }
  std::optional<CustomStoreRow>& row = *read;
  if (!row) co_return Error(Errc::kCustomKeyStoreNotFound, "Custom key store " + store_id + " was not found.");
  auto view = std::make_shared<View>();
  view->row = std::move(*row);
  if (view->row.state == ConnectionState::kConnected) {
    Status opened = co_await Open(*view, old.get());
    if (!opened.ok()) {
      // Not kept: the next request tries again.
      view->failure = std::move(opened).error();
      co_return ViewPtr(std::move(view));
    }
  }
  ViewPtr made = view;
  std::unique_lock lock(mutex_);
  if (seen == changes_) {
    entries_.insert_or_assign(id, Entry{made, Clock::now()});
  }
  co_return made;
}

Task<Status> CustomStores::Open(View& view, const View* old) {
  const CustomStoreRow& row = view.row;
  const bool same = old && old->usable() && old->row.cluster_id == row.cluster_id && old->row.proxy == row.proxy &&
                    old->row.sealed_password == row.sealed_password;
  if (same) {
    view.keys = old->keys;
    view.proxy = old->proxy;
  } else if (row.external()) {
    auto opened = co_await OpenProxy(row);
    if (!opened.ok() && opened.error().code() == Errc::kXksVpcServiceNotFound) {
      // The configuration knew it when the store was connected.
      xks::Failed away{xks::Failure::kNotReachable, opened.error().ForLog()};
      co_return ProxyErrorInUse(away);
    }
    SR_CO_TRY(view.proxy, std::move(opened));
  } else {
    SR_CO_TRY(view.keys, co_await OpenKeys(row));
  }
  co_return Status();
}

void CustomStores::View::Close() const {
  if (keys) keys->cluster()->Close();
  if (proxy) proxy->Close();
}

Result<std::shared_ptr<hsm_client::ClusterClient>> CustomStores::MakeClient(const CustomStoreRow& row,
                                                                            const ports::ClusterInfo& cluster,
                                                                            SecretBuffer password,
                                                                            std::vector<Loop*> loops) const {
  SR_TRY(const auto owner, crypto::Certificate::FromPem(row.trust_anchor));
  SR_TRY(auto trust, parts_.trust(owner));
  hsm_client::ClusterOptions options;
  for (const ports::ClusterHsm& hsm : cluster.hsms) {
    if (!hsm.active) continue;
    hsm_client::Endpoint endpoint;
    endpoint.address = hsm.address;
    options.seeds.push_back(endpoint);
  }
  hsm_client::Credentials credentials;
  credentials.type = proto::CU;
  credentials.name = "kmsuser";
  credentials.password = std::move(password);
  options.credentials = std::move(credentials);
  return hsm_client::ClusterClient::Create(std::move(loops), std::move(trust), std::move(options));
}

Task<Result<std::shared_ptr<HsmKeyStore>>> CustomStores::OpenKeys(const CustomStoreRow& row) {
  SR_CO_TRY(auto cluster, co_await parts_.clusters.Find(row.account, row.region, row.cluster_id));
  if (!cluster) co_return Error(Errc::kInvalidState, "KMS cannot communicate with your CloudHSM cluster");
  SR_CO_TRY(SecretBuffer password, co_await parts_.sealer.Open("kmsuser", row.store_id, row.sealed_password));
  SR_CO_TRY(auto client, MakeClient(row, *cluster, std::move(password), parts_.loops));
  co_return std::make_shared<HsmKeyStore>(StoreKind::kCloudHsm, std::move(client));
}

void CustomStores::Forget(const CustomStoreRow& row) {
  ViewPtr old;
  {
    std::unique_lock lock(mutex_);
    ++changes_;
    const auto found = entries_.find(Id(row.account, row.region, row.store_id));
    if (found == entries_.end()) return;
    // Kept for its client, but read anew at the next look.
    found->second.read = Clock::time_point{} - kLongAgo;
    if (row.state != ConnectionState::kConnected) {
      old = found->second.view;
      entries_.erase(found);
    }
  }
  if (old) old->Close();
}

void CustomStores::OnChanges(std::span<const store::FeedEntry> entries) {
  for (const store::FeedEntry& entry : entries) {
    const bool all = entry.kind == store::ChangeFeed::kEverything;
    if (!all && entry.kind != "key-store") continue;
    std::vector<CustomStoreRow> touched;
    {
      std::unique_lock lock(mutex_);
      ++changes_;
      for (auto& [id, known] : entries_) {
        const CustomStoreRow& row = known.view->row;
        if (!all && (row.account != entry.account || row.region != entry.region || row.store_id != entry.id)) continue;
        known.read = Clock::time_point{} - kLongAgo;
        touched.push_back(row);
      }
    }
    // A store that was disconnected elsewhere must lose its connections here, used or not.
    for (CustomStoreRow& row : touched) {
      auto check = [](CustomStores* self, CustomStoreRow stale) -> Task<void> {
        auto fresh = co_await self->Find(stale.account, stale.region, stale.store_id);
        if (fresh.ok() && (*fresh)->row.state == ConnectionState::kConnected) co_return;
        stale.state = ConnectionState::kDisconnected;
        self->Forget(stale);
      };
      const std::string name = "looking at custom key store " + row.store_id;
      parts_.background.Spawn(name, check(this, std::move(row)));
    }
  }
}

void CustomStores::Begin(const CustomStoreRow& row) {
  Forget(row);
  if (row.state == ConnectionState::kConnecting) {
    parts_.background.Spawn("connecting custom key store " + row.store_id, RunConnect(row));
  } else if (row.state == ConnectionState::kDisconnecting) {
    parts_.background.Spawn("disconnecting custom key store " + row.store_id, RunDisconnect(row));
  }
}

void CustomStores::Start() {
  parts_.background.Spawn("looking for unfinished connections", Watch());
  parts_.background.Spawn("asking external key store proxies how they are", WatchProxies());
}

void CustomStores::Stop() {
  std::unordered_map<std::string, Entry> entries;
  {
    std::unique_lock lock(mutex_);
    ++changes_;  // what is being read now is not kept any more
    entries.swap(entries_);
  }
  for (auto& [id, entry] : entries) entry.view->Close();
}

Task<void> CustomStores::Watch() {
  for (bool go_on = true; go_on;) {
    for (const ConnectionState state : kUnfinished) {
      // The lease moves to us in the same transaction that finds it expired, so only one front end takes over. The new
      // attempt id makes the old owner, should it still be at work, change nothing more.
      auto take = [state](store::Transaction& t) -> Result<std::vector<CustomStoreRow>> {
        SR_TRY(const std::int64_t now, t.NowMillis());
        SR_TRY(auto rows, CustomStoresIn(t, state));
        std::vector<CustomStoreRow> taken;
        for (CustomStoreRow& row : rows) {
          if (row.lease_until > now) continue;
          row.attempt_id = NewUuid();
          row.lease_until = now + std::chrono::milliseconds(kLease).count();
          SR_CHECK(UpdateCustomStore(t, row));
          taken.push_back(std::move(row));
        }
        return taken;
      };
      auto rows = co_await parts_.database.Run(std::move(take));
      if (!rows.ok()) continue;
      for (const CustomStoreRow& row : *rows) Begin(row);
    }
    go_on = co_await parts_.background.Sleep(kWatchInterval);
  }
}

Task<void> CustomStores::RunConnect(CustomStoreRow row) {
  auto outcome = co_await Connect(row);
  const auto until = Clock::now() + kOwnTroublePatience;
  while (!outcome.ok() && outcome.error().code() == Errc::kUnavailable && Clock::now() < until) {
    const bool go_on = co_await parts_.background.Sleep(kOwnTroublePause);
    if (!go_on) break;
    auto again = co_await Connect(row);
    outcome = std::move(again);
  }
  std::optional<std::string> code;
  const bool unfinished =
      !outcome.ok() && (outcome.error().code() == Errc::kCancelled || outcome.error().code() == Errc::kUnavailable);
  if (unfinished && parts_.background.stopping()) {
    co_await GiveBack(std::move(row));
    co_return;
  }
  if (!outcome.ok()) {
    LogError("connecting custom key store " + row.store_id, outcome.error());
    code = "INTERNAL_ERROR";
  } else {
    code = outcome->error_code;
  }
  const ConnectionState state = code ? ConnectionState::kFailed : ConnectionState::kConnected;
  co_await Finish(std::move(row), state, std::move(code));
}

Task<void> CustomStores::RunDisconnect(CustomStoreRow row) {
  Forget(row);
  // Other front ends hear of it through the change feed and close theirs; the state says DISCONNECTED once they have.
  // At a stop this one closes all of its own anyway.
  co_await parts_.background.Sleep(std::chrono::seconds(1));
  co_await Finish(std::move(row), ConnectionState::kDisconnected, std::nullopt);
}

/// An attempt that cannot be finished here: any front end may take it over at once.
Task<void> CustomStores::GiveBack(CustomStoreRow row) {
  auto give = [row](store::Transaction& t) -> Status {
    SR_TRY(auto now, LoadCustomStore(t, row.account, row.region, row.store_id));
    if (!now || now->attempt_id != row.attempt_id || now->state != row.state) return {};
    now->lease_until = 0;
    return UpdateCustomStore(t, *now);
  };
  const Status given = co_await parts_.database.Run(std::move(give));
  if (!given.ok()) LogError("giving back the attempt on custom key store " + row.store_id, given.error());
}

Task<void> CustomStores::Finish(CustomStoreRow row, ConnectionState state, std::optional<std::string> error_code) {
  auto finish = [row, state, error_code](store::Transaction& t) -> Result<std::optional<CustomStoreRow>> {
    SR_TRY(auto now, LoadCustomStore(t, row.account, row.region, row.store_id));
    // Somebody else's attempt by now, or asked to do something else meanwhile: theirs to end.
    if (!now || now->attempt_id != row.attempt_id || now->state != row.state) return std::optional<CustomStoreRow>();
    now->state = state;
    now->error_code = error_code;
    now->attempt_id.reset();
    now->lease_until = 0;
    SR_CHECK(UpdateCustomStore(t, *now));
    return now;
  };
  auto done = co_await parts_.database.Run(std::move(finish));
  if (!done.ok()) {
    LogError("ending the attempt on custom key store " + row.store_id, done.error());
  } else if (*done) {
    Forget(**done);
    log::Info("custom key store {} is {}{}{}", row.store_id, Name(state), error_code ? ": " : "",
              error_code.value_or(""));
    if (parts_.audit == nullptr || state == ConnectionState::kDisconnected) co_return;
    ports::AuditEvent event;
    event.account = row.account;
    event.region = row.region;
    event.event_name = error_code ? "CustomKeyStoreConnectionFailed" : "CustomKeyStoreConnected";
    event.details = {{"customKeyStoreId", row.store_id}, {"customKeyStoreName", row.name}};
    if (!row.external()) event.details.emplace_back("clusterId", row.cluster_id);
    if (error_code) event.details.emplace_back("connectionErrorCode", *error_code);
    parts_.audit->Record(event);
  }
}

}  // namespace strongroom::kms
