#include "xks_proxy/wire_error.h"

namespace strongroom::xks_proxy {
namespace {

xks::ErrorName NameFor(Errc code) noexcept {
  using xks::ErrorName;
  switch (code) {
    case Errc::kInvalidArgument:
    case Errc::kSerialization:
    case Errc::kRequestTooLarge: return ErrorName::kValidation;
    case Errc::kInvalidState: return ErrorName::kInvalidState;
    case Errc::kWrongKeyUsage: return ErrorName::kInvalidKeyUsage;
    case Errc::kBadCiphertext: return ErrorName::kInvalidCiphertext;
    case Errc::kMissingAuthentication:
    case Errc::kIncompleteSignature:
    case Errc::kInvalidSignature:
    case Errc::kUnrecognizedClient:
    case Errc::kExpiredToken: return ErrorName::kAuthenticationFailed;
    // The proxy's crypto user may no longer do what it was to do.
    case Errc::kLoginFailed:
    case Errc::kUserNotFound:
    case Errc::kUserLocked:
    case Errc::kUserBusy:
    case Errc::kNotLoggedIn:
    case Errc::kPermission:
    case Errc::kAccessDenied: return ErrorName::kAccessDenied;
    case Errc::kNotFound: return ErrorName::kKeyNotFound;
    case Errc::kUnknownOperation: return ErrorName::kInvalidUriPath;
    case Errc::kThrottled:
    case Errc::kResourceExhausted:
    case Errc::kLimitExceeded: return ErrorName::kThrottling;
    case Errc::kUnsupported: return ErrorName::kUnsupportedOperation;
    case Errc::kUnavailable:
    case Errc::kTimeout:
    case Errc::kCancelled: return ErrorName::kDependencyTimeout;
    default: return ErrorName::kInternal;
  }
}

}  // namespace

const xks::ErrorForm& FormFor(Errc code) noexcept { return xks::FormOf(NameFor(code)); }

std::string_view MessageFor(const Error& error) noexcept {
  switch (NameFor(error.code())) {
    case xks::ErrorName::kInternal: return "The proxy has failed; its log says how.";
    case xks::ErrorName::kAuthenticationFailed: return "The request is not signed by this proxy's credential.";
    case xks::ErrorName::kAccessDenied: return "The proxy's crypto user is refused by the cluster.";
    case xks::ErrorName::kDependencyTimeout: return "The cluster cannot be reached in time.";
    case xks::ErrorName::kThrottling: return "The cluster has too much to do.";
    case xks::ErrorName::kInvalidCiphertext: return "The ciphertext or its associated data is not what was encrypted.";
    case xks::ErrorName::kKeyNotFound: return "There is no such external key.";
    case xks::ErrorName::kInvalidKeyUsage: return "The external key does not permit this.";
    default: return error.public_message();
  }
}

}  // namespace strongroom::xks_proxy
