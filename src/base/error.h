#pragma once

#include <boost/assert/source_location.hpp>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace strongroom {

/// What went wrong, in words common to all services. Every boundary (KMS, CloudHSM, STS, HSM frames, exit codes) has a
/// table from these to its own names, and the table does not compile while a row is missing.
enum class Errc : std::uint8_t {
  kInvalidArgument,  // a value breaks a rule; the caller must change it
  kAccessDenied,     // authenticated but not allowed
  kNotFound,         // the named thing does not exist
  kAlreadyExists,    // the name is taken
  kConflict,         // two changes met; the caller may try again
  kLimitExceeded,    // a quota
  kDisabled,         // KMS key is disabled
  kInvalidState,     // key in a state that forbids the operation
  kWrongKeyUsage,    // key usage or algorithm does not fit
  kIncorrectKey,     // ciphertext belongs to another key than the one named
  kBadCiphertext,    // not parseable, tampered, or wrong context
  kBadSignature,     // signature does not verify
  kBadMac,           // message authentication code does not verify
  kUnsupported,      // valid request for something this key or deployment cannot do
  kMalformedPolicy,  // key policy text
  kInvalidArn,
  kInvalidMarker,  // pagination token
  kInvalidAlias,
  kTag,  // tag rules
  kKeyUnavailable,
  kDryRun,  // everything would have been permitted
  kInvalidGrantToken,
  kInvalidGrantId,
  kInvalidImportToken,  // made by nobody here, or for another key
  kExpiredImportToken,
  kIncorrectKeyMaterial,  // imported material is not what the key takes

  kCustomKeyStoreNotFound,
  kCustomKeyStoreNameInUse,
  kCustomKeyStoreInvalidState,
  kCustomKeyStoreHasKeys,
  kClusterNotFound,
  kClusterNotActive,
  kClusterInUse,
  kClusterInvalidConfiguration,
  kClusterNotRelated,
  kIncorrectTrustAnchor,
  kXksProxyUriInUse,
  kXksProxyEndpointInUse,
  kXksProxyUnreachable,
  kXksProxyBadCredential,
  kXksProxyInvalidResponse,
  kXksProxyInvalidConfiguration,
  kXksVpcServiceInUse,
  kXksVpcServiceNotFound,
  kXksVpcServiceInvalidConfiguration,
  kXksKeyInvalidConfiguration,
  kXksKeyAlreadyInUse,
  kXksKeyNotFound,

  kMissingAuthentication,  // SigV4, in the order of spec/kms.md 1.5
  kIncompleteSignature,
  kInvalidSignature,
  kUnrecognizedClient,
  kExpiredToken,
  kNotAuthorized,
  kUnknownOperation,
  kSerialization,  // body is not what the protocol says
  kRequestTooLarge,
  kThrottled,

  kLoginFailed,   // HSM: wrong password
  kUserNotFound,  // HSM: no such user
  kUserLocked,    // HSM: too many failures
  kUserBusy,      // HSM: the user has another session
  kNotLoggedIn,   // HSM: the command needs a login
  kPermission,    // HSM: the user's role does not allow it
  kStale,         // HSM: refused a record, token or position that contradicts its own log
  kUntrusted,     // a certificate, host or HSM that we do not accept

  kUnavailable,  // a part that is needed is away; safe to retry later
  kTimeout,
  kCancelled,
  kResourceExhausted,  // memory, locked memory, disk, descriptors
  kCorrupted,          // stored state fails its own check; never silently reset
  kInternal,
  kCount_
};

/// The code's name as it stands in logs ("kNotFound" -> "not-found").
std::string_view Name(Errc code) noexcept;

/// One failure. `public_message` may reach the caller; `detail` reaches the operator's log only. Neither may ever hold
/// payload, keys or passwords: sizes, names and ids only.
class [[nodiscard]] Error {
 public:
  /// An empty message is meaningful at the AWS boundary: the answer has no message member.
  Error(Errc code, std::string public_message, boost::source_location where = BOOST_CURRENT_LOCATION)
      : code_(code), public_message_(std::move(public_message)), where_(where) {}

  Error&& WithDetail(std::string detail) && {
    detail_ = std::move(detail);
    return std::move(*this);
  }
  Errc code() const noexcept { return code_; }
  const std::string& public_message() const noexcept { return public_message_; }
  const std::string& detail() const noexcept { return detail_; }
  const boost::source_location& where() const noexcept { return where_; }

  /// "not-found: text (detail) at file:line", for the operator's log.
  std::string ForLog() const;

 private:
  Errc code_;
  std::string public_message_;
  std::string detail_;
  boost::source_location where_;
};

std::ostream& operator<<(std::ostream& out, const Error& error);

}  // namespace strongroom
