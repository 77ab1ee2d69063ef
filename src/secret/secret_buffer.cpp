#include "secret/secret_buffer.h"

#include <sodium.h>

#include <cstring>

#include "secret/pool.h"

namespace strongroom::secret {

Result<SecretBuffer> SecretBuffer::Allocate(std::size_t bytes) {
  SecretBuffer buffer;
  if (bytes == 0) return buffer;
  if (bytes > kLargestSecretBytes) {
    return Error(Errc::kInvalidArgument, fmt::format("A secret has at most {} bytes.", kLargestSecretBytes));
  }
  const pool::Block block = pool::Take(bytes);
  if (block.data == nullptr) return pool::LastFailure();
  buffer.data_ = block.data;
  buffer.capacity_ = block.capacity;
  return buffer;
}

void SecretBuffer::Release() noexcept {
  if (data_ != nullptr) pool::Give({data_, capacity_});
  data_ = nullptr;
  size_ = capacity_ = 0;
}

Result<SecretBuffer> SecretBuffer::CopyOf(ByteView in) {
  SR_TRY(SecretBuffer buffer, Allocate(in.size()));
  if (!in.empty()) std::memcpy(buffer.data_, in.data(), in.size());
  buffer.size_ = in.size();
  return buffer;
}

Result<SecretBuffer> SecretBuffer::Clone() const { return CopyOf({data_, size_}); }

bool SecretBuffer::EqualsInConstantTime(const SecretBuffer& other) const noexcept {
  return EqualsInConstantTime(ByteView{other.data_, other.size_});
}

bool SecretBuffer::EqualsInConstantTime(ByteView other) const noexcept {
  return size_ == other.size() && (size_ == 0 || ::sodium_memcmp(data_, other.data(), size_) == 0);
}

}  // namespace strongroom::secret
