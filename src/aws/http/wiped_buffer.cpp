#include "aws/http/wiped_buffer.h"

#include <new>
#include <utility>

#include "secret/secret_vector.h"

namespace strongroom::aws {

WipedBuffer::WipedBuffer(WipedBuffer&& from) noexcept
    : data_(std::exchange(from.data_, nullptr)),
      size_(std::exchange(from.size_, 0)),
      capacity_(std::exchange(from.capacity_, 0)) {}

WipedBuffer& WipedBuffer::operator=(WipedBuffer&& from) noexcept {
  if (this != &from) {
    Clear(0);
    data_ = std::exchange(from.data_, nullptr);
    size_ = std::exchange(from.size_, 0);
    capacity_ = std::exchange(from.capacity_, 0);
  }
  return *this;
}

WipedBuffer::~WipedBuffer() { Clear(0); }

void WipedBuffer::Consume(std::size_t count) noexcept {
  if (count > size_) count = size_;
  const std::size_t rest = size_ - count;
  if (rest != 0) std::memmove(data_, data_ + count, rest);
  if (count != 0) secret::Wipe(data_ + rest, count);
  size_ = rest;
}

void WipedBuffer::Clear(std::size_t keep_capacity) noexcept {
  if (size_ != 0) secret::Wipe(data_, size_);
  size_ = 0;
  if (data_ != nullptr && capacity_ > keep_capacity) {
    ::operator delete(data_);
    data_ = nullptr;
    capacity_ = 0;
  }
}

void WipedBuffer::Truncate(std::size_t size) noexcept {
  if (size >= size_) return;
  secret::Wipe(data_ + size, size_ - size);
  size_ = size;
}

void WipedBuffer::Grow(std::size_t at_least) {
  std::size_t capacity = capacity_ == 0 ? 4096 : capacity_;
  while (capacity < at_least) capacity *= 2;
  char* bigger = static_cast<char*>(::operator new(capacity));
  if (size_ != 0) {
    std::memcpy(bigger, data_, size_);
    secret::Wipe(data_, size_);
  }
  ::operator delete(data_);
  data_ = bigger;
  capacity_ = capacity;
}

}  // namespace strongroom::aws
