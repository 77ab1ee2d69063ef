#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace strongroom::xks {

/// What a proxy answers instead of a result. Source: XKS Proxy API Specification v0.9.7, "Errors".
enum class ErrorName : std::uint8_t {
  kValidation,
  kInvalidState,
  kInvalidKeyUsage,
  kInvalidCiphertext,
  kAuthenticationFailed,
  kAccessDenied,
  kKeyNotFound,
  kInvalidUriPath,
  kThrottling,
  kInternal,
  kUnsupportedOperation,
  kDependencyTimeout,
  kCount_
};

struct ErrorForm {
  ErrorName error;
  std::string_view name;  // "ValidationException"
  unsigned http_status;
};
/// Indexed by ErrorName.
inline constexpr auto kErrorForms = std::to_array<ErrorForm>({
    {ErrorName::kValidation, "ValidationException", 400},
    {ErrorName::kInvalidState, "InvalidStateException", 400},
    {ErrorName::kInvalidKeyUsage, "InvalidKeyUsageException", 400},
    {ErrorName::kInvalidCiphertext, "InvalidCiphertextException", 400},
    {ErrorName::kAuthenticationFailed, "AuthenticationFailedException", 401},
    {ErrorName::kAccessDenied, "AccessDeniedException", 403},
    {ErrorName::kKeyNotFound, "KeyNotFoundException", 404},
    {ErrorName::kInvalidUriPath, "InvalidUriPathException", 404},
    {ErrorName::kThrottling, "ThrottlingException", 429},
    {ErrorName::kInternal, "InternalException", 500},
    {ErrorName::kUnsupportedOperation, "UnsupportedOperationException", 501},
    {ErrorName::kDependencyTimeout, "DependencyTimeoutException", 503},
});
consteval bool OneFormPerError() {
  if (kErrorForms.size() != static_cast<std::size_t>(ErrorName::kCount_)) return false;
  for (std::size_t i = 0; i < kErrorForms.size(); ++i)
    if (kErrorForms[i].error != static_cast<ErrorName>(i)) return false;
  return true;
}
static_assert(OneFormPerError(), "an ErrorName was added without its name and status");

constexpr const ErrorForm& FormOf(ErrorName error) noexcept { return kErrorForms[static_cast<std::size_t>(error)]; }
std::optional<ErrorName> FindErrorName(std::string_view name) noexcept;

/// {"errorName": …, "errorMessage": …}; the message is cut after kMostErrorMessageChars and left out when empty.
std::string WriteError(ErrorName error, std::string_view message);

/// What an answer with another status than 200 says.
struct ProxyError {
  ErrorName error;
  std::string message;  // the proxy's, for the operator's log: printable ASCII, at most kMostErrorMessageChars
};
/// Nothing when the body is not JSON, names no known error, or one that goes with another status.
std::optional<ProxyError> ParseError(unsigned http_status, std::string_view body);

}  // namespace strongroom::xks
