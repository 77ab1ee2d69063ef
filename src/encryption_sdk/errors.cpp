#include "encryption_sdk/errors.h"

namespace strongroom::encryption_sdk {
namespace {

struct Row {
  ErrorCode code;
  Errc errc;
  std::string_view name;
};
constexpr Row kRows[] = {
    {ErrorCode::kInvalidArgument, Errc::kInvalidArgument, "InvalidArgument"},
    {ErrorCode::kReservedContextKey, Errc::kInvalidArgument, "ReservedContextKey"},
    {ErrorCode::kPlaintextTooLong, Errc::kLimitExceeded, "PlaintextTooLong"},
    {ErrorCode::kLimitExceeded, Errc::kLimitExceeded, "LimitExceeded"},
    {ErrorCode::kCommitmentPolicyViolation, Errc::kPermission, "CommitmentPolicyViolation"},
    {ErrorCode::kSignaturePolicyViolation, Errc::kPermission, "SignaturePolicyViolation"},
    {ErrorCode::kBase64Input, Errc::kSerialization, "Base64Input"},
    {ErrorCode::kUnsupportedVersion, Errc::kUnsupported, "UnsupportedVersion"},
    {ErrorCode::kUnsupportedType, Errc::kUnsupported, "UnsupportedType"},
    {ErrorCode::kUnsupportedSuite, Errc::kUnsupported, "UnsupportedSuite"},
    {ErrorCode::kMalformedHeader, Errc::kSerialization, "MalformedHeader"},
    {ErrorCode::kTooManyEncryptedDataKeys, Errc::kLimitExceeded, "TooManyEncryptedDataKeys"},
    {ErrorCode::kVerificationKeyMismatch, Errc::kBadCiphertext, "VerificationKeyMismatch"},
    {ErrorCode::kInvalidVerificationKey, Errc::kBadCiphertext, "InvalidVerificationKey"},
    {ErrorCode::kContextMismatch, Errc::kBadCiphertext, "ContextMismatch"},
    {ErrorCode::kNoDataKey, Errc::kIncorrectKey, "NoDataKey"},
    {ErrorCode::kMalformedProviderInfo, Errc::kBadCiphertext, "MalformedProviderInfo"},
    {ErrorCode::kCommitmentMismatch, Errc::kBadCiphertext, "CommitmentMismatch"},
    {ErrorCode::kHeaderAuthenticationFailed, Errc::kBadCiphertext, "HeaderAuthenticationFailed"},
    {ErrorCode::kMalformedBody, Errc::kSerialization, "MalformedBody"},
    {ErrorCode::kBodyAuthenticationFailed, Errc::kBadCiphertext, "BodyAuthenticationFailed"},
    {ErrorCode::kSignatureInvalid, Errc::kBadSignature, "SignatureInvalid"},
    {ErrorCode::kTrailingData, Errc::kSerialization, "TrailingData"},
    {ErrorCode::kTruncated, Errc::kSerialization, "Truncated"},
};
constexpr bool RowsInOrder() {
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    if (kRows[i].code != static_cast<ErrorCode>(i)) return false;
  }
  return std::size(kRows) == static_cast<std::size_t>(ErrorCode::kCount_);
}
static_assert(RowsInOrder(), "an ErrorCode was added without its row");

}  // namespace

std::string_view Name(ErrorCode code) noexcept { return kRows[static_cast<std::size_t>(code)].name; }

Error MakeError(ErrorCode code, std::string_view text, boost::source_location where) {
  const Row& row = kRows[static_cast<std::size_t>(code)];
  return Error(row.errc, fmt::format("{}: {}", row.name, text), where);
}

std::optional<ErrorCode> CodeOf(const Error& error) noexcept {
  const std::string_view text = error.public_message();
  const std::size_t colon = text.find(": ");
  if (colon == std::string_view::npos) return std::nullopt;
  for (const Row& row : kRows) {
    if (row.name == text.substr(0, colon)) return row.code;
  }
  return std::nullopt;
}

bool IsRetryable(const Error& error) noexcept {
  return error.code() == Errc::kUnavailable || error.code() == Errc::kThrottled || error.code() == Errc::kTimeout;
}

}  // namespace strongroom::encryption_sdk
