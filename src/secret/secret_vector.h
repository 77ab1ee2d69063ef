#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <string>
#include <vector>

namespace strongroom::secret {

/// Overwrites memory in a way the compiler may not drop.
void Wipe(void* memory, std::size_t size_bytes) noexcept;

/// Ordinary memory that is wiped when it is given back, for growable transient buffers that may carry plaintext or
/// passwords (I/O buffers, request bodies). Not locked: keys belong in SecretBuffer.
template <typename T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() noexcept = default;
  template <typename U>
  WipingAllocator(const WipingAllocator<U>&) noexcept {}  // NOLINT: allocators convert implicitly
  T* allocate(std::size_t count) {
    if (count > std::numeric_limits<std::size_t>::max() / sizeof(T)) throw std::bad_array_new_length();
    return static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{alignof(T)}));
  }
  void deallocate(T* memory, std::size_t count) noexcept {
    Wipe(memory, count * sizeof(T));
    ::operator delete (memory, std::align_val_t{alignof(T)});
  }
  template <typename U>
  friend bool operator==(const WipingAllocator&, const WipingAllocator<U>&) noexcept {
    return true;
  }
};

using SecretBytes = std::vector<std::uint8_t, WipingAllocator<std::uint8_t>>;
/// A text in wiped memory. libstdc++ keeps texts of up to 15 characters inside the object itself, which no allocator
/// reaches, so this is a vector of characters and not a std::string.
using SecretString = std::vector<char, WipingAllocator<char>>;

}  // namespace strongroom::secret

namespace strongroom {
using secret::SecretBytes;
using secret::SecretString;
}  // namespace strongroom
