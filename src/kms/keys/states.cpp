#include "kms/keys/states.h"

namespace strongroom::kms {

std::string_view Name(KeyState state) noexcept {
  switch (state) {
    case KeyState::kEnabled: return "Enabled";
    case KeyState::kDisabled: return "Disabled";
    case KeyState::kPendingDeletion: return "PendingDeletion";
    case KeyState::kUnavailable: return "Unavailable";
    case KeyState::kPendingImport: return "PendingImport";
    case KeyState::kCreating: return "Creating";
    case KeyState::kUpdating: return "Updating";
    case KeyState::kPendingReplicaDeletion: return "PendingReplicaDeletion";
  }
  return "Unavailable";
}

KeyState StateOf(const KeyRow& row, bool store_connected, std::int64_t now_millis) noexcept {
  if (row.deletion_millis) return KeyState::kPendingDeletion;
  if (row.pending_window_days) return KeyState::kPendingReplicaDeletion;
  if (row.transition == Transition::kCreating) return KeyState::kCreating;
  if (row.custom_key_store_id && !store_connected) return KeyState::kUnavailable;
  if (!row.HasMaterial(now_millis)) return KeyState::kPendingImport;
  if (!row.enabled) return KeyState::kDisabled;
  return row.transition == Transition::kUpdating ? KeyState::kUpdating : KeyState::kEnabled;
}

Status RequireState(const std::string& arn, KeyState state, StateSet allowed) {
  if ((static_cast<StateSet>(state) & allowed) != 0) return {};
  if (allowed == kOnlyPendingDeletion) return Error(Errc::kInvalidState, arn + " is not pending deletion.");
  switch (state) {
    case KeyState::kDisabled: return Error(Errc::kDisabled, arn + " is disabled.");
    case KeyState::kPendingDeletion:
    case KeyState::kPendingReplicaDeletion: return Error(Errc::kInvalidState, arn + " is pending deletion.");
    case KeyState::kPendingImport: return Error(Errc::kInvalidState, arn + " is pending import.");
    case KeyState::kCreating: return Error(Errc::kInvalidState, arn + " is creating.");
    case KeyState::kUpdating: return Error(Errc::kInvalidState, arn + " is updating.");
    default: return Error(Errc::kInvalidState, arn + " is unavailable.");
  }
}

}  // namespace strongroom::kms
