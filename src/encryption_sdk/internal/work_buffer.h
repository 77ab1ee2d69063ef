#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "base/bytes.h"
#include "secret/secret_vector.h"

namespace strongroom::encryption_sdk::internal {

/// Bytes on their way through. Unlike a vector it does not write zeros before it is written to, and it is wiped once,
/// at the end, since plaintext has been in it.
class WorkBuffer {
 public:
  WorkBuffer() noexcept = default;
  WorkBuffer(WorkBuffer&& from) noexcept { Swap(from); }
  WorkBuffer& operator=(WorkBuffer&& from) noexcept {
    Swap(from);
    return *this;
  }
  ~WorkBuffer() { secret::Wipe(data_.get(), capacity_); }

  std::uint8_t* data() noexcept { return data_.get(); }
  std::size_t size() const noexcept { return size_; }
  ByteView view() const noexcept { return {data_.get(), size_}; }
  void Clear() noexcept { size_ = 0; }
  /// `size` bytes of whatever is there.
  std::uint8_t* Resize(std::size_t size) {
    if (size > capacity_) Grow(size);
    size_ = size;
    return data_.get();
  }
  /// Grows by doubling with what really comes, never over `most` bytes.
  void Append(ByteView more, std::size_t most) {
    if (size_ + more.size() > capacity_) Grow(std::max(size_ + more.size(), std::min(most, 2 * capacity_)));
    if (!more.empty()) std::memcpy(data_.get() + size_, more.data(), more.size());
    size_ += more.size();
  }
  void WipeAll() noexcept {
    secret::Wipe(data_.get(), capacity_);
    size_ = 0;
  }
  void Swap(WorkBuffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  void Grow(std::size_t capacity) {
    auto wider = std::make_unique_for_overwrite<std::uint8_t[]>(capacity);
    if (size_ > 0) std::memcpy(wider.get(), data_.get(), size_);
    secret::Wipe(data_.get(), capacity_);
    data_ = std::move(wider);
    capacity_ = capacity;
  }

  std::unique_ptr<std::uint8_t[]> data_;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace strongroom::encryption_sdk::internal
