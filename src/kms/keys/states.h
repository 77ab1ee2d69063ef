#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kms/keys/key.h"

namespace strongroom::kms {

/// KeyState of KMS (spec/kms.md 2.4). Bits, so that an operation names the ones it takes.
enum class KeyState : std::uint8_t {
  kEnabled = 1,
  kDisabled = 2,
  kPendingDeletion = 4,
  kUnavailable = 8,
  kPendingImport = 16,
  kCreating = 32,
  kUpdating = 64,
  kPendingReplicaDeletion = 128
};
std::string_view Name(KeyState state) noexcept;

/// The row has its materials. `store_connected`: whether the custom key store of the key, if it has one, is CONNECTED.
/// `now_millis`: for imported material that expires. A disabled key is Disabled also while it is updated.
KeyState StateOf(const KeyRow& row, bool store_connected, std::int64_t now_millis) noexcept;

using StateSet = std::uint8_t;
inline constexpr StateSet kAnyState = 255;
inline constexpr StateSet kOnlyPendingDeletion = 4 | 128;
inline constexpr StateSet kNotPendingDeletion = kAnyState & ~kOnlyPendingDeletion;
inline constexpr StateSet kOnlyEnabled = 1;
/// For what uses the key.
inline constexpr StateSet kUsable = 1 | 64;
/// CreateGrant; and operations that answer for keys of custom key stores by their origin, whatever the store's state.
inline constexpr StateSet kUsableOrUnavailable = kUsable | 8;
/// EnableKeyRotation, DisableKeyRotation: origins that get into the last two of these are refused as such.
inline constexpr StateSet kRotationStates = kUsable | 8 | 16;
/// EnableKey, DisableKey.
inline constexpr StateSet kSwitchable = 1 | 2 | 8;
/// ScheduleKeyDeletion.
inline constexpr StateSet kDeletable = kNotPendingDeletion & ~64;

/// The error of table 2.5 when `state` is not in `allowed`.
Status RequireState(const std::string& arn, KeyState state, StateSet allowed);

}  // namespace strongroom::kms
