#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "xks_client/outcome.h"

namespace strongroom::kms {

// What callers of KMS see of a proxy's failure. A proxy's own words go to the log only. Source: spec/kms.md 7.10.

/// In the use of a key: kInvalidState with the text that tells the cause.
Error ProxyErrorInUse(const xks::Failed& failed);
/// In CreateCustomKeyStore and UpdateCustomKeyStore.
Error ProxyErrorInStoreChange(const xks::Failed& failed);
/// In CreateKey.
Error ProxyErrorInCreateKey(const xks::Failed& failed);
/// ConnectionErrorCode of ConnectCustomKeyStore.
std::string_view ProxyConnectionCode(xks::Failure failure) noexcept;

/// kInvalidState: the key's store is not CONNECTED.
Error ProxyNotConnected();
/// kInvalidState: the proxy gave back what it was given, but that does not open.
Error InnerLayerFailed();

}  // namespace strongroom::kms
