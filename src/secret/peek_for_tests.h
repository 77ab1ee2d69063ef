#pragma once

#include "secret/secret_buffer.h"

namespace strongroom::secret {

/// Lets a test look at secret bytes. Only *_test.cpp files and benchmarks include this header.
class Peek {
 public:
  static ByteView At(const SecretBuffer& buffer) noexcept { return buffer.Reveal(KeyAccess()); }
  static ByteView At(const SecretBuffer&&) = delete;
};

}  // namespace strongroom::secret
