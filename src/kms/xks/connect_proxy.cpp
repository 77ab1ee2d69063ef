// Source: AWS KMS API Reference, "ConnectCustomKeyStore"; spec/kms.md 7.7.
#include "base/ids.h"
#include "base/log.h"
#include "kms/keystore/custom_stores.h"
#include "kms/xks/failures.h"
#include "kms/xks/proxy_row.h"

namespace strongroom::kms {

Task<Result<std::shared_ptr<xks::ProxyClient>>> CustomStores::OpenProxy(CustomStoreRow row) {
  SR_CO_TRY(SecretBuffer secret,
            co_await parts_.sealer.Open(std::string(kXksCredentialPurpose), row.store_id, row.sealed_password));
  co_return MakeProxyClient(parts_.xks, row, std::move(secret));
}

Task<Result<CustomStores::Outcome>> CustomStores::ConnectProxy(CustomStoreRow row) {
  const auto failed = [](std::string_view code) { return Outcome{std::optional<std::string>(std::string(code))}; };
  const auto proxy = co_await OpenProxy(row);
  if (!proxy.ok() && proxy.error().code() == Errc::kXksVpcServiceNotFound)
    co_return failed("XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND");
  if (!proxy.ok()) co_return proxy.error();
  xks::RequestMetadata metadata;
  metadata.kms_operation = "ConnectCustomKeyStore";
  metadata.kms_request_id = NewUuid();
  const auto health = co_await (*proxy)->GetHealthStatus(std::move(metadata));
  (*proxy)->Close();
  if (!health.ok()) {
    LogError("custom key store " + row.store_id + ": connecting to its proxy", ProxyErrorInUse(health.failed()));
    co_return failed(ProxyConnectionCode(health.failed().failure));
  }
  co_return Outcome{};
}

}  // namespace strongroom::kms
