// The health of external key store proxies, for whoever reads the log.
#include "base/ids.h"
#include "base/log.h"
#include "kms/keystore/custom_stores.h"
#include "kms/xks/failures.h"

namespace strongroom::kms {
namespace {

constexpr std::chrono::seconds kInterval{60};

struct Ailment {
  std::string what;    // empty for a proxy that serves with all it has
  std::string detail;  // may read differently each time
};

Ailment AilmentOf(const xks::Outcome<xks::HealthAnswer>& health) {
  if (!health.ok()) return {std::string(ProxyConnectionCode(health.failed().failure)), health.failed().detail};
  Ailment ailment;
  for (const auto& manager : health->managers)
    if (manager.health != xks::Health::kActive)
      ailment.what += (ailment.what.empty() ? "" : ", ") + manager.id + " is " + std::string(Name(manager.health));
  return ailment;
}

}  // namespace

Task<void> CustomStores::CheckProxies() {
  auto read = [](store::Transaction& t) { return CustomStoresIn(t, ConnectionState::kConnected); };
  auto rows = co_await parts_.database.RunRead(std::move(read));
  if (!rows.ok()) co_return;
  for (const CustomStoreRow& row : *rows) {
    if (!row.external()) continue;
    if (parts_.background.stopping()) co_return;
    const auto view = co_await Find(row.account, row.region, row.store_id);
    if (!view.ok() || (*view)->proxy == nullptr) continue;
    xks::RequestMetadata metadata;
    metadata.kms_operation = "KmsHealthCheck";
    metadata.kms_request_id = NewUuid();
    const auto health = co_await (*view)->proxy->GetHealthStatus(std::move(metadata));
    const Ailment ailment = AilmentOf(health);
    std::unique_lock lock(mutex_);
    std::string& known = ailing_[Id(row.account, row.region, row.store_id)];
    if (known == ailment.what) continue;
    known = ailment.what;
    lock.unlock();
    if (ailment.what.empty())
      log::Info("the proxy of custom key store {} is well again", row.store_id);
    else
      log::Warn("the proxy of custom key store {} is not well: {} {}", row.store_id, ailment.what, ailment.detail);
  }
}

Task<void> CustomStores::WatchProxies() {
  // Not `while (co_await …) co_await …`: GCC 12 destroys what the condition has awaited twice.
  for (bool go_on = true; go_on;) {
    go_on = co_await parts_.background.Sleep(kInterval);
    if (go_on) co_await CheckProxies();
  }
}

}  // namespace strongroom::kms
