#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/error.h"

namespace strongroom::aws {

/// What the caller of one service sees for one Errc.
struct WireError {
  Errc code = Errc::kCount_;
  std::string_view type;  // "NotFoundException"
  unsigned http_status = 0;
};

inline constexpr std::size_t kErrcCount = static_cast<std::size_t>(Errc::kCount_);
/// Indexed by Errc; complete by construction (see CompleteTable).
using WireErrors = std::array<WireError, kErrcCount>;

/// The rows that every AWS JSON service shares: signature, protocol and transport failures.
/// Source: KMS API Reference, Common Errors; spec/kms.md 1.4.
inline constexpr auto kCommonJsonErrors = std::to_array<WireError>({
    {Errc::kMissingAuthentication, "MissingAuthenticationTokenException", 400},
    {Errc::kIncompleteSignature, "IncompleteSignatureException", 400},
    {Errc::kInvalidSignature, "InvalidSignatureException", 400},
    {Errc::kUnrecognizedClient, "UnrecognizedClientException", 400},
    {Errc::kExpiredToken, "ExpiredTokenException", 400},
    {Errc::kNotAuthorized, "NotAuthorizedException", 400},
    {Errc::kUnknownOperation, "UnknownOperationException", 400},
    {Errc::kSerialization, "SerializationException", 400},
    {Errc::kRequestTooLarge, "RequestEntityTooLargeException", 413},
    {Errc::kThrottled, "ThrottlingException", 400},
    {Errc::kUnavailable, "ServiceUnavailableException", 503},
});

/// The same for AWS Query services. Source: STS API Reference, Common Errors.
inline constexpr auto kCommonQueryErrors = std::to_array<WireError>({
    {Errc::kInvalidArgument, "ValidationError", 400},
    {Errc::kMissingAuthentication, "MissingAuthenticationToken", 403},
    {Errc::kIncompleteSignature, "IncompleteSignature", 400},
    {Errc::kInvalidSignature, "SignatureDoesNotMatch", 403},
    {Errc::kUnrecognizedClient, "InvalidClientTokenId", 403},
    {Errc::kExpiredToken, "ExpiredToken", 403},
    {Errc::kAccessDenied, "AccessDenied", 403},
    {Errc::kNotAuthorized, "NotAuthorized", 400},
    {Errc::kUnknownOperation, "InvalidAction", 400},
    {Errc::kSerialization, "MalformedQueryString", 400},
    {Errc::kRequestTooLarge, "RequestEntityTooLarge", 413},
    {Errc::kThrottled, "Throttling", 400},
    {Errc::kUnavailable, "ServiceUnavailable", 503},
});

/// Errc values that have no business at an AWS boundary: should one arrive, it is our own failure. A service still
/// names each of them, by listing them here or by giving a row of its own.
inline constexpr auto kNeverReachesCaller = std::to_array<Errc>({
    Errc::kLoginFailed,
    Errc::kUserNotFound,
    Errc::kUserLocked,
    Errc::kUserBusy,
    Errc::kNotLoggedIn,
    Errc::kPermission,
    Errc::kStale,
    Errc::kUntrusted,
    Errc::kTimeout,
    Errc::kCancelled,
    Errc::kResourceExhausted,
    Errc::kCorrupted,
    Errc::kInternal,
});

/// Errc values that KMS alone answers: what is unused in every other service.
inline constexpr auto kOfKmsAlone = std::to_array<Errc>({
    Errc::kDisabled,
    Errc::kWrongKeyUsage,
    Errc::kIncorrectKey,
    Errc::kBadCiphertext,
    Errc::kBadSignature,
    Errc::kBadMac,
    Errc::kMalformedPolicy,
    Errc::kInvalidAlias,
    Errc::kKeyUnavailable,
    Errc::kDryRun,
    Errc::kInvalidGrantToken,
    Errc::kInvalidGrantId,
    Errc::kInvalidImportToken,
    Errc::kExpiredImportToken,
    Errc::kIncorrectKeyMaterial,
    Errc::kCustomKeyStoreNotFound,
    Errc::kCustomKeyStoreNameInUse,
    Errc::kCustomKeyStoreInvalidState,
    Errc::kCustomKeyStoreHasKeys,
    Errc::kClusterNotFound,
    Errc::kClusterNotActive,
    Errc::kClusterInUse,
    Errc::kClusterInvalidConfiguration,
    Errc::kClusterNotRelated,
    Errc::kIncorrectTrustAnchor,
    Errc::kXksProxyUriInUse,
    Errc::kXksProxyEndpointInUse,
    Errc::kXksProxyUnreachable,
    Errc::kXksProxyBadCredential,
    Errc::kXksProxyInvalidResponse,
    Errc::kXksProxyInvalidConfiguration,
    Errc::kXksVpcServiceInUse,
    Errc::kXksVpcServiceNotFound,
    Errc::kXksVpcServiceInvalidConfiguration,
    Errc::kXksKeyInvalidConfiguration,
    Errc::kXksKeyAlreadyInUse,
    Errc::kXksKeyNotFound,
});

/// Joins a service's own rows (which win), the common rows, and `internal` for kNeverReachesCaller and for each of
/// `unused`. Does not compile while an Errc is left without a row or a service names one twice.
///
///   inline constexpr auto kWireErrors = CompleteTable(kOwnRows, kCommonJsonErrors, {…, "KMSInternalException", 500},
///                                                     kOfKmsAlone);
template <std::size_t N, std::size_t M, std::size_t U>
consteval WireErrors CompleteTable(const std::array<WireError, N>& own, const std::array<WireError, M>& common,
                                   WireError internal, const std::array<Errc, U>& unused) {
  WireErrors table{};
  for (const WireError& row : own) {
    WireError& slot = table[static_cast<std::size_t>(row.code)];
    if (slot.http_status != 0) throw "an Errc has two rows";
    slot = row;
  }
  for (const WireError& row : common) {
    WireError& slot = table[static_cast<std::size_t>(row.code)];
    if (slot.http_status == 0) slot = row;
  }
  const auto fill = [&](Errc code) {
    WireError& slot = table[static_cast<std::size_t>(code)];
    if (slot.http_status == 0) slot = {code, internal.type, internal.http_status};
  };
  for (Errc code : kNeverReachesCaller) fill(code);
  for (Errc code : unused) fill(code);
  for (std::size_t i = 0; i < kErrcCount; ++i) {
    if (table[i].http_status == 0 || table[i].code != static_cast<Errc>(i)) throw "an Errc was added without a row";
  }
  return table;
}
/// One list of unused values out of two.
template <std::size_t N, std::size_t M>
consteval std::array<Errc, N + M> Join(const std::array<Errc, N>& a, const std::array<Errc, M>& b) {
  std::array<Errc, N + M> both{};
  std::copy(b.begin(), b.end(), std::copy(a.begin(), a.end(), both.begin()));
  return both;
}
template <std::size_t N, std::size_t M>
consteval WireErrors CompleteTable(const std::array<WireError, N>& own, const std::array<WireError, M>& common,
                                   WireError internal) {
  return CompleteTable(own, common, internal, std::array<Errc, 0>{});
}

}  // namespace strongroom::aws
