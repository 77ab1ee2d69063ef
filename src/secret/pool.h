#pragma once

#include <cstddef>
#include <cstdint>

#include "secret/secret_buffer.h"

namespace strongroom::secret::pool {

/// One block of the pool: `data` is null when the pool could not give one.
struct Block {
  std::uint8_t* data = nullptr;
  std::size_t capacity = 0;
};

/// A zeroed block of at least `bytes` (1..kLargestSecretBytes).
Block Take(std::size_t bytes) noexcept;
/// Wipes and takes back what Take gave.
void Give(Block block) noexcept;
/// Why the last Take of this thread failed.
Error LastFailure();

}  // namespace strongroom::secret::pool
