#pragma once

#include <cstdint>

#include "base/error.h"

namespace strongroom::wire {

/// Status numbers of HSM replies and control answers. They are for ever, whatever happens to Errc's order. 0 is
/// success; where the original publishes a number for the same failure, ours is the same (0x9d, 0xa3, 0xa8, 0xb3, 0xc6,
/// 0xdb).
std::uint16_t StatusOf(Errc code) noexcept;
/// The Errc for a status off the wire; kInternal for one we do not know.
Errc ErrcOf(std::uint16_t status) noexcept;

}  // namespace strongroom::wire
