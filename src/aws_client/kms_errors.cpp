#include "aws_client/kms_errors.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>

#include "aws_client/service_call.h"
#include "aws_client/wiping_json.h"

namespace strongroom::aws_client {
namespace {

struct Row {
  std::string_view code;
  Errc errc;
};
// Source: AWS KMS API Reference, Errors of each operation.
constexpr auto kRows = std::to_array<Row>({
    {"NotFoundException", Errc::kNotFound},
    {"DisabledException", Errc::kDisabled},
    {"KMSInvalidStateException", Errc::kInvalidState},
    {"KeyUnavailableException", Errc::kKeyUnavailable},
    {"InvalidKeyUsageException", Errc::kWrongKeyUsage},
    {"InvalidCiphertextException", Errc::kBadCiphertext},
    {"IncorrectKeyException", Errc::kIncorrectKey},
    {"InvalidGrantTokenException", Errc::kInvalidGrantToken},
    {"InvalidArnException", Errc::kInvalidArn},
    {"UnsupportedOperationException", Errc::kUnsupported},
    {"LimitExceededException", Errc::kLimitExceeded},
    {"DependencyTimeoutException", Errc::kTimeout},
    {"KMSInternalException", Errc::kUnavailable},
    {"DryRunOperationException", Errc::kDryRun},
    {"CustomKeyStoreInvalidStateException", Errc::kCustomKeyStoreInvalidState},
    {"CloudHsmClusterInvalidConfigurationException", Errc::kClusterInvalidConfiguration},
});

}  // namespace

Errc KmsErrc(std::string_view code, int status) {
  const auto row = std::ranges::find(kRows, code, &Row::code);
  if (row != kRows.end()) return row->errc;
  const Errc common = CommonErrc(code, status);
  return common == Errc::kInternal && status / 100 == 4 ? Errc::kInvalidArgument : common;
}

bool IsOwnersDecision(Errc errc) noexcept {
  return errc == Errc::kDisabled || errc == Errc::kInvalidState || errc == Errc::kKeyUnavailable ||
         errc == Errc::kCustomKeyStoreInvalidState;
}

std::string OwnersDecision(const boost::json::object& metadata) {
  const auto text = [&](std::string_view name) { return WipedJson::TextIn(metadata, name); };
  const std::string_view state = text("KeyState");
  const std::string store = PrintableText(text("CustomKeyStoreId"), kLongestCode);
  if (state == "Disabled") {
    return "The key's owner has disabled it, and decides when it is to be used again (EnableKey).";
  }
  if (state == "PendingDeletion" || state == "PendingReplicaDeletion") {
    std::string when;
    const boost::json::value* date = metadata.if_contains("DeletionDate");
    if (date != nullptr && date->is_number()) {
      when = fmt::format(" on {:%Y-%m-%d}", fmt::gmtime(static_cast<std::time_t>(date->to_number<double>())));
    }
    return fmt::format(
        "The key's owner has it deleted{}. Until then the owner can decide otherwise (CancelKeyDeletion, then "
        "EnableKey); afterwards nobody can open what it has encrypted.",
        when);
  }
  if (state == "PendingImport") {
    return "The key's material is not there: its owner decides to import it again (ImportKeyMaterial).";
  }
  if (state == "Unavailable" && !store.empty()) {
    return fmt::format(
        "The key's material is in the owner's HSMs, and its key store {} is disconnected from them. Its owner "
        "decides to connect it again (ConnectCustomKeyStore).",
        store);
  }
  if (!store.empty()) {
    return fmt::format(
        "The key's material is in the owner's HSMs, behind key store {}: its owner looks after their "
        "connection (DescribeCustomKeyStores).",
        store);
  }
  return "";
}

std::string OwnersDecision(Errc errc, std::string_view action) {
  switch (errc) {
    case Errc::kAccessDenied:
      return fmt::format(
          "{} has to be allowed by the key's policy or a grant, which are its owner's decision, or by the "
          "caller's own policies.",
          action);
    case Errc::kNotFound:
      return "If the key was deleted, what only it has encrypted is lost: that was its owner's decision.";
    case Errc::kDisabled:
      return "The key's owner has disabled it, and decides when it is to be used again (EnableKey).";
    case Errc::kInvalidState:
    case Errc::kKeyUnavailable:
    case Errc::kCustomKeyStoreInvalidState:
      return "The key cannot be used in its present state: it may be about to be deleted, its material missing, or its "
             "key "
             "store disconnected. That is its owner's decision (DescribeKey shows the state).";
    default: return "";
  }
}

}  // namespace strongroom::aws_client
