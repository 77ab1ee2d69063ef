#pragma once

#include <cstddef>

namespace strongroom::aws {

inline constexpr std::size_t kNoLoop = static_cast<std::size_t>(-1);
/// As CurrentLoopIndex, but kNoLoop on threads that run no loop: for state that loops use without a lock.
std::size_t CurrentLoopSlot() noexcept;

}  // namespace strongroom::aws
