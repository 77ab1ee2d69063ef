#include "kms/keys/states.h"

namespace strongroom::kms {

std::string_view Name(KeyState state) noexcept {
  switch (state) {
    case KeyState::kEnabled: return "Enabled";
    case KeyState::kDisabled: return "Disabled";
    case KeyState::kPendingDeletion: return "PendingDeletion";
    case KeyState::kUnavailable: return "Unavailable";
  }
  return "Unavailable";
}

KeyState StateOf(const KeyRow& row, bool store_connected) noexcept {
  if (row.deletion_millis) return KeyState::kPendingDeletion;
  if (row.custom_key_store_id && !store_connected) return KeyState::kUnavailable;
  return row.enabled ? KeyState::kEnabled : KeyState::kDisabled;
}

Status RequireState(const std::string& arn, KeyState state, StateSet allowed) {
  if ((static_cast<StateSet>(state) & allowed) != 0) return {};
  if (allowed == kOnlyPendingDeletion) return Error(Errc::kInvalidState, arn + " is not pending deletion.");
  switch (state) {
    case KeyState::kDisabled: return Error(Errc::kDisabled, arn + " is disabled.");
    case KeyState::kPendingDeletion: return Error(Errc::kInvalidState, arn + " is pending deletion.");
    default: return Error(Errc::kInvalidState, arn + " is unavailable.");
  }
}

}  // namespace strongroom::kms
