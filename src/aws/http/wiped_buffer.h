#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

namespace strongroom::aws {

/// A growing byte buffer for what passes through a connection: kept from request to request, and wiped whenever bytes
/// leave it (growth, Clear, destruction). Ordinary memory, since request bodies are too large for the locked pool.
///
/// Errors    growth that fails ends the process as std::bad_alloc does everywhere else; callers bound sizes beforehand.
class WipedBuffer {
 public:
  WipedBuffer() noexcept = default;
  WipedBuffer(WipedBuffer&& from) noexcept;
  WipedBuffer& operator=(WipedBuffer&& from) noexcept;
  ~WipedBuffer();

  char* data() noexcept { return data_; }
  const char* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  bool empty() const noexcept { return size_ == 0; }
  std::string_view view() const noexcept { return {data_, size_}; }

  void Reserve(std::size_t capacity) {
    if (capacity > capacity_) Grow(capacity);
  }
  /// Room for `count` more bytes behind the end; follow with Commit.
  char* Prepare(std::size_t count) {
    if (capacity_ - size_ < count) Grow(size_ + count);
    return data_ + size_;
  }
  void Commit(std::size_t count) noexcept { size_ += count; }
  void Append(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(Prepare(text.size()), text.data(), text.size());
    size_ += text.size();
  }
  void Append(char c) {
    *Prepare(1) = c;
    ++size_;
  }
  /// Wipes the first `count` bytes and moves the rest to the front.
  void Consume(std::size_t count) noexcept;
  /// Wipes everything; gives memory beyond `keep_capacity` back.
  void Clear(std::size_t keep_capacity = static_cast<std::size_t>(-1)) noexcept;
  /// Shortens to `size` bytes, wiping the rest.
  void Truncate(std::size_t size) noexcept;

 private:
  void Grow(std::size_t at_least);
  char* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace strongroom::aws
