#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"

/// What each file of this folder defines: the entry point that libFuzzer knows, and inputs to begin with. An input that
/// breaks the program (a sanitizer's report, an abort) is a fault; what is answered does not matter here.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace strongroom::fuzz {

std::vector<Bytes> Seeds();

inline Bytes Seed(std::string_view text) { return ToBytes(AsBytes(text)); }
/// Aborts when a promise of the code under test is broken.
inline void Require(bool promise) {
  if (!promise) __builtin_trap();
}

}  // namespace strongroom::fuzz
