#include "encryption_sdk/keyring.h"

#include "encryption_sdk/errors.h"

namespace strongroom::encryption_sdk {

Error NoDataKey(const Causes& causes, boost::source_location where) {
  std::string text = "No key that is configured here opens this message.";
  if (causes.empty()) text += " None of its encrypted data keys is of a wrapping key that is configured.";
  const Error* transient = nullptr;
  for (std::size_t i = 0; i < causes.size(); ++i) {
    text += fmt::format(" ({}) {}", i + 1, causes[i].public_message());
    if (transient == nullptr && IsRetryable(causes[i])) transient = &causes[i];
  }
  const Errc errc = transient != nullptr ? transient->code() : causes.empty() ? Errc::kIncorrectKey : causes[0].code();
  return Error(errc, fmt::format("{}: {}", Name(ErrorCode::kNoDataKey), text), where);
}

}  // namespace strongroom::encryption_sdk
