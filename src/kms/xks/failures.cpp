#include "kms/xks/failures.h"

#include <array>

namespace strongroom::kms {
namespace {

using xks::Failure;

struct Row {
  Failure failure;
  Errc store_change, create_key;
  std::string_view connection_code;
  std::string_view text;
};
constexpr auto kRows = std::to_array<Row>({
    {Failure::kInvalidResponse, Errc::kXksProxyInvalidResponse, Errc::kCustomKeyStoreInvalidState,
     "XKS_PROXY_INVALID_RESPONSE",
     "AWS KMS cannot interpret the response from the external key store proxy. If you see this error repeatedly, "
     "report it to your external key store proxy administrator."},
    {Failure::kInvalidState, Errc::kXksProxyInvalidResponse, Errc::kXksKeyInvalidConfiguration,
     "XKS_PROXY_INVALID_RESPONSE",
     "The external key store proxy rejected the request because the external key is not enabled in the external key "
     "manager."},
    {Failure::kInvalidKeyUsage, Errc::kXksProxyInvalidResponse, Errc::kXksKeyInvalidConfiguration,
     "XKS_PROXY_INVALID_RESPONSE",
     "The external key store proxy rejected the request because the external key does not support the requested "
     "operation."},
    {Failure::kInvalidCiphertext, Errc::kXksProxyInvalidResponse, Errc::kCustomKeyStoreInvalidState,
     "XKS_PROXY_INVALID_RESPONSE",
     "The external key store proxy rejected the request because the specified ciphertext or additional authenticated "
     "data is corrupted, missing, or otherwise invalid."},
    {Failure::kBadCredential, Errc::kXksProxyBadCredential, Errc::kCustomKeyStoreInvalidState, "INVALID_CREDENTIALS",
     "The external key store proxy rejected the request because it could not authenticate AWS KMS. Verify the "
     "credentials for your external key store and update if necessary."},
    {Failure::kAccessDenied, Errc::kXksProxyInvalidConfiguration, Errc::kCustomKeyStoreInvalidState,
     "XKS_PROXY_ACCESS_DENIED",
     "The external key store proxy denied access to the operation. Verify that the user and the external key are both "
     "authorized for this operation, and try the request again."},
    {Failure::kKeyNotFound, Errc::kXksProxyInvalidResponse, Errc::kXksKeyNotFound, "XKS_PROXY_INVALID_RESPONSE",
     "The external key store proxy rejected the request because it could not find the external key."},
    {Failure::kInvalidUriPath, Errc::kXksProxyInvalidConfiguration, Errc::kCustomKeyStoreInvalidState,
     "XKS_PROXY_INVALID_CONFIGURATION",
     "The external key store proxy rejected the request because of an invalid URI path. Verify the URI path for your "
     "external key store and update if necessary."},
    {Failure::kThrottled, Errc::kXksProxyUnreachable, Errc::kCustomKeyStoreInvalidState, "XKS_PROXY_NOT_REACHABLE",
     "The external key store proxy rejected the request due to a very high request rate. Reduce the frequency of your "
     "calls using KMS keys in this external key store."},
    {Failure::kInternal, Errc::kXksProxyInvalidResponse, Errc::kCustomKeyStoreInvalidState,
     "XKS_PROXY_INVALID_RESPONSE",
     "The external key store proxy rejected the request because it cannot communicate with the external key manager."},
    {Failure::kUnsupported, Errc::kXksProxyInvalidResponse, Errc::kUnsupported, "XKS_PROXY_INVALID_RESPONSE",
     "The external key store proxy rejected the request because it does not support the requested cryptographic "
     "operation."},
    {Failure::kTimedOut, Errc::kXksProxyUnreachable, Errc::kCustomKeyStoreInvalidState, "XKS_PROXY_TIMED_OUT",
     "AWS KMS rejected the request because the external key store proxy did not respond in time. Retry the request. If "
     "you see this error repeatedly, report it to your external key store proxy administrator."},
    {Failure::kNotReachable, Errc::kXksProxyUnreachable, Errc::kCustomKeyStoreInvalidState, "XKS_PROXY_NOT_REACHABLE",
     "AWS KMS cannot communicate with the external key store proxy. This might be a transient network issue. If you "
     "see this error repeatedly, verify that your external key store proxy is active and is connected to the network, "
     "and that its endpoint URI is correct in your external key store."},
    {Failure::kTls, Errc::kXksProxyInvalidConfiguration, Errc::kCustomKeyStoreInvalidState,
     "XKS_PROXY_INVALID_TLS_CONFIGURATION",
     "AWS KMS cannot establish a TLS connection to the external key store proxy. Verify the TLS configuration, "
     "including its certificate."},
    {Failure::kUnhealthy, Errc::kXksProxyUnreachable, Errc::kCustomKeyStoreInvalidState, "XKS_PROXY_NOT_REACHABLE",
     "The external key store proxy is in an unhealthy state. If you see this message repeatedly, notify your external "
     "key store proxy administrator."},
    {Failure::kOwnTrouble, Errc::kInternal, Errc::kInternal, "INTERNAL_ERROR",
     "KMS cannot call the external key store proxy at the moment."},
});
consteval bool OneRowPerFailure() {
  if (kRows.size() != static_cast<std::size_t>(Failure::kCount_)) return false;
  for (std::size_t i = 0; i < kRows.size(); ++i)
    if (kRows[i].failure != static_cast<Failure>(i)) return false;
  return true;
}
static_assert(OneRowPerFailure(), "a Failure was added without saying what the caller sees");

const Row& RowOf(Failure failure) noexcept { return kRows[static_cast<std::size_t>(failure)]; }

Error Make(Errc code, const xks::Failed& failed) {
  return Error(code, std::string(RowOf(failed.failure).text)).WithDetail(failed.detail);
}

}  // namespace

Error ProxyErrorInUse(const xks::Failed& failed) {
  return Make(failed.failure == Failure::kOwnTrouble ? Errc::kInternal : Errc::kInvalidState, failed);
}
Error ProxyErrorInStoreChange(const xks::Failed& failed) { return Make(RowOf(failed.failure).store_change, failed); }
Error ProxyErrorInCreateKey(const xks::Failed& failed) { return Make(RowOf(failed.failure).create_key, failed); }
std::string_view ProxyConnectionCode(Failure failure) noexcept { return RowOf(failure).connection_code; }

Error ProxyNotConnected() {
  return Error(Errc::kInvalidState,
               "This KMS key is in a custom key store that is not connected to its external key store proxy. Connect "
               "the external key store and try the request again.");
}

Error InnerLayerFailed() {
  return Error(Errc::kInvalidState,
               "The ciphertext that the external key store proxy submitted for decryption, or the encryption context, "
               "is corrupted, missing, or otherwise invalid.");
}

}  // namespace strongroom::kms
