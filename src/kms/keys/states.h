#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kms/keys/key.h"

namespace strongroom::kms {

/// States a key of this deployment can be in (spec/kms.md 2.4). Bits, so that an operation names the ones it takes.
enum class KeyState : std::uint8_t { kEnabled = 1, kDisabled = 2, kPendingDeletion = 4, kUnavailable = 8 };
std::string_view Name(KeyState state) noexcept;

/// `store_connected`: whether the custom key store of the key, if it has one, is CONNECTED.
KeyState StateOf(const KeyRow& row, bool store_connected) noexcept;

using StateSet = std::uint8_t;
inline constexpr StateSet kAnyState = 15;
inline constexpr StateSet kOnlyEnabled = 1;
inline constexpr StateSet kEnabledOrUnavailable = 1 | 8;
inline constexpr StateSet kNotPendingDeletion = 1 | 2 | 8;
inline constexpr StateSet kOnlyPendingDeletion = 4;

/// The error of table 2.5 when `state` is not in `allowed`.
Status RequireState(const std::string& arn, KeyState state, StateSet allowed);

}  // namespace strongroom::kms
