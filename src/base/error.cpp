#include "base/error.h"

#include <array>

#include <fmt/format.h>

namespace strongroom {
namespace {
struct ErrcName {
  Errc code;
  std::string_view name;
};
constexpr auto kNames = std::to_array<ErrcName>({
    {Errc::kInvalidArgument, "invalid-argument"},
    {Errc::kAccessDenied, "access-denied"},
    {Errc::kNotFound, "not-found"},
    {Errc::kAlreadyExists, "already-exists"},
    {Errc::kConflict, "conflict"},
    {Errc::kLimitExceeded, "limit-exceeded"},
    {Errc::kDisabled, "disabled"},
    {Errc::kInvalidState, "invalid-state"},
    {Errc::kWrongKeyUsage, "wrong-key-usage"},
    {Errc::kIncorrectKey, "incorrect-key"},
    {Errc::kBadCiphertext, "bad-ciphertext"},
    {Errc::kBadSignature, "bad-signature"},
    {Errc::kBadMac, "bad-mac"},
    {Errc::kUnsupported, "unsupported"},
    {Errc::kMalformedPolicy, "malformed-policy"},
    {Errc::kInvalidArn, "invalid-arn"},
    {Errc::kInvalidMarker, "invalid-marker"},
    {Errc::kInvalidAlias, "invalid-alias"},
    {Errc::kTag, "tag"},
    {Errc::kKeyUnavailable, "key-unavailable"},
    {Errc::kDryRun, "dry-run"},
    {Errc::kInvalidGrantToken, "invalid-grant-token"},
    {Errc::kInvalidGrantId, "invalid-grant-id"},
    {Errc::kInvalidImportToken, "invalid-import-token"},
    {Errc::kExpiredImportToken, "expired-import-token"},
    {Errc::kIncorrectKeyMaterial, "incorrect-key-material"},
    {Errc::kCustomKeyStoreNotFound, "custom-key-store-not-found"},
    {Errc::kCustomKeyStoreNameInUse, "custom-key-store-name-in-use"},
    {Errc::kCustomKeyStoreInvalidState, "custom-key-store-invalid-state"},
    {Errc::kCustomKeyStoreHasKeys, "custom-key-store-has-keys"},
    {Errc::kClusterNotFound, "cluster-not-found"},
    {Errc::kClusterNotActive, "cluster-not-active"},
    {Errc::kClusterInUse, "cluster-in-use"},
    {Errc::kClusterInvalidConfiguration, "cluster-invalid-configuration"},
    {Errc::kClusterNotRelated, "cluster-not-related"},
    {Errc::kIncorrectTrustAnchor, "incorrect-trust-anchor"},
    {Errc::kXksProxyUriInUse, "xks-proxy-uri-in-use"},
    {Errc::kXksProxyEndpointInUse, "xks-proxy-endpoint-in-use"},
    {Errc::kXksProxyUnreachable, "xks-proxy-unreachable"},
    {Errc::kXksProxyBadCredential, "xks-proxy-bad-credential"},
    {Errc::kXksProxyInvalidResponse, "xks-proxy-invalid-response"},
    {Errc::kXksProxyInvalidConfiguration, "xks-proxy-invalid-configuration"},
    {Errc::kXksVpcServiceInUse, "xks-vpc-service-in-use"},
    {Errc::kXksVpcServiceNotFound, "xks-vpc-service-not-found"},
    {Errc::kXksVpcServiceInvalidConfiguration, "xks-vpc-service-invalid-configuration"},
    {Errc::kXksKeyInvalidConfiguration, "xks-key-invalid-configuration"},
    {Errc::kXksKeyAlreadyInUse, "xks-key-already-in-use"},
    {Errc::kXksKeyNotFound, "xks-key-not-found"},
    {Errc::kMissingAuthentication, "missing-authentication"},
    {Errc::kIncompleteSignature, "incomplete-signature"},
    {Errc::kInvalidSignature, "invalid-signature"},
    {Errc::kUnrecognizedClient, "unrecognized-client"},
    {Errc::kExpiredToken, "expired-token"},
    {Errc::kNotAuthorized, "not-authorized"},
    {Errc::kUnknownOperation, "unknown-operation"},
    {Errc::kSerialization, "serialization"},
    {Errc::kRequestTooLarge, "request-too-large"},
    {Errc::kThrottled, "throttled"},
    {Errc::kLoginFailed, "login-failed"},
    {Errc::kUserNotFound, "user-not-found"},
    {Errc::kUserLocked, "user-locked"},
    {Errc::kUserBusy, "user-busy"},
    {Errc::kNotLoggedIn, "not-logged-in"},
    {Errc::kPermission, "permission"},
    {Errc::kStale, "stale"},
    {Errc::kUntrusted, "untrusted"},
    {Errc::kUnavailable, "unavailable"},
    {Errc::kTimeout, "timeout"},
    {Errc::kCancelled, "cancelled"},
    {Errc::kResourceExhausted, "resource-exhausted"},
    {Errc::kCorrupted, "corrupted"},
    {Errc::kInternal, "internal"},
});
consteval bool OneNamePerErrc() {
  if (kNames.size() != static_cast<std::size_t>(Errc::kCount_)) return false;
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i].code != static_cast<Errc>(i)) return false;
  return true;
}
static_assert(OneNamePerErrc(), "an Errc was added without a name");
}  // namespace

std::string_view Name(Errc code) noexcept {
  const auto index = static_cast<std::size_t>(code);
  return index < kNames.size() ? kNames[index].name : std::string_view("unknown");
}

std::string Error::ForLog() const {
  std::string_view file = where_.file_name();
  if (const auto slash = file.rfind("/src/"); slash != std::string_view::npos) file.remove_prefix(slash + 5);
  return fmt::format("{}: {}{}{}{} at {}:{}", Name(code_), public_message_, detail_.empty() ? "" : " (", detail_,
                     detail_.empty() ? "" : ")", file, where_.line());
}

std::ostream& operator<<(std::ostream& out, const Error& error) { return out << error.ForLog(); }

}  // namespace strongroom
