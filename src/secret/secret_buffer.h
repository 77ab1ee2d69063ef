#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <span>
#include <type_traits>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "secret/key_access.h"

namespace strongroom::secret {

/// The largest single secret, in bytes. Larger data (archives, bodies) is not a secret of this kind: see
/// secret_vector.h.
inline constexpr std::size_t kLargestSecretBytes = std::size_t{1} << 20;

/// Owns key material in locked, guard-paged memory that core dumps leave out.
///
/// Promise   the bytes exist in the locked pool only; there is no fallback to the ordinary heap.
/// Errors    kResourceExhausted  the pool is full or memory cannot be locked (the text names the limit to raise);
///           kInvalidArgument    more than kLargestSecretBytes.
/// Secrets   move-only; a moved-from buffer is empty; all capacity is wiped on destruction and move-assignment.
/// Threads   const use from any number of threads; a buffer may be destroyed on another thread than made it.
/// Fork      a child reads zeros in place of its parent's secrets.
/// Limits    does not reach copies OpenSSL keeps inside an EVP_PKEY; locking the whole process does (hardening.h).
class [[nodiscard]] SecretBuffer {
 public:
  /// The caller still wipes `in`.
  static Result<SecretBuffer> CopyOf(ByteView in);
  /// `produce` gets a writable, zeroed view of max_bytes and returns the count it used, as std::size_t or as
  /// Result<std::size_t> (an error passes through). It is the only writer this buffer ever has; the unused rest is
  /// wiped with the buffer. A count over max_bytes is a bug and answers kInternal.
  template <std::invocable<std::span<std::uint8_t>> Producer>
  static Result<SecretBuffer> Produce(std::size_t max_bytes, Producer&& produce) {
    SR_TRY(SecretBuffer buffer, Allocate(max_bytes));
    const std::span<std::uint8_t> room{buffer.data_, max_bytes};
    std::size_t used = 0;
    if constexpr (std::is_same_v<std::invoke_result_t<Producer, std::span<std::uint8_t>>, Result<std::size_t>>) {
      SR_TRY(used, std::forward<Producer>(produce)(room));
    } else {
      used = std::forward<Producer>(produce)(room);
    }
    if (used > max_bytes) return Error(Errc::kInternal, "A secret's producer overstated its size.");
    buffer.size_ = used;
    return buffer;
  }

  SecretBuffer() noexcept = default;
  SecretBuffer(SecretBuffer&& from) noexcept
      : data_(std::exchange(from.data_, nullptr)),
        size_(std::exchange(from.size_, 0)),
        capacity_(std::exchange(from.capacity_, 0)) {}
  SecretBuffer& operator=(SecretBuffer&& from) noexcept {
    if (this != &from) {
      Release();
      data_ = std::exchange(from.data_, nullptr);
      size_ = std::exchange(from.size_, 0);
      capacity_ = std::exchange(from.capacity_, 0);
    }
    return *this;
  }
  ~SecretBuffer() {
    if (data_ != nullptr) Release();
  }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  /// Valid until the buffer is destroyed or assigned to.
  ByteView Reveal(KeyAccess) const& noexcept { return {data_, size_}; }
  ByteView Reveal(KeyAccess) const&& = delete;  // no view into a temporary
  /// A second, independent copy in the locked pool.
  Result<SecretBuffer> Clone() const;
  /// True when sizes and bytes are equal; the time depends on the sizes only.
  bool EqualsInConstantTime(const SecretBuffer& other) const noexcept;
  /// The same against bytes that the caller holds (a received tag, say).
  bool EqualsInConstantTime(ByteView other) const noexcept;

  friend std::ostream& operator<<(std::ostream&, const SecretBuffer&) = delete;

 private:
  static Result<SecretBuffer> Allocate(std::size_t bytes);
  void Release() noexcept;

  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

/// The process-wide pool behind SecretBuffer.
struct PoolOptions {
  std::size_t max_bytes = std::size_t{64} << 20;  // address space reserved; rounded up to whole steps
  /// In STRONGROOM_DEV builds, where it is false, memory that cannot be locked is used with one warning. Other builds
  /// always require the lock.
#if defined(STRONGROOM_DEV)
  bool require_lock = false;
#else
  bool require_lock = true;
#endif
};
/// Call once at the start of main, before the first secret; without it the defaults hold.
/// Errors: kInvalidState when the pool is in use already; kInvalidArgument for a bound under 1 MiB or over 64 GiB.
Status ConfigurePool(const PoolOptions& options);

struct PoolUsage {
  std::size_t reserved_bytes = 0;    // the bound
  std::size_t locked_bytes = 0;      // committed so far; never shrinks
  std::size_t handed_out_bytes = 0;  // blocks outside the pool's own lists, per-thread caches included
};
PoolUsage CurrentPoolUsage();

}  // namespace strongroom::secret

namespace strongroom {
using secret::SecretBuffer;
}
