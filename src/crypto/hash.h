#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>

#include "base/bytes.h"
#include "secret/secret_buffer.h"

namespace strongroom::crypto {

using Sha256Digest = std::array<std::uint8_t, 32>;
using Sha384Digest = std::array<std::uint8_t, 48>;
using Sha512Digest = std::array<std::uint8_t, 64>;

enum class Digest : std::uint8_t { kSha1, kSha224, kSha256, kSha384, kSha512 };
std::size_t DigestSize(Digest digest) noexcept;

// Hash functions take no input that can fail: if OpenSSL cannot hash, the process is broken beyond answering, so these
// log and abort. Several views are hashed as if they stood one after another. Source: FIPS 180-4.
Sha256Digest Sha256(std::initializer_list<ByteView> parts);
Sha384Digest Sha384(std::initializer_list<ByteView> parts);
Sha512Digest Sha512(std::initializer_list<ByteView> parts);
inline Sha256Digest Sha256(ByteView data) { return Sha256({data}); }
inline Sha384Digest Sha384(ByteView data) { return Sha384({data}); }
inline Sha512Digest Sha512(ByteView data) { return Sha512({data}); }
/// Any digest, as bytes of DigestSize().
Bytes Hash(Digest digest, std::initializer_list<ByteView> parts);

/// SHA-256 of a stream. One thread at a time.
class Sha256Stream {
 public:
  Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  Sha256Stream& operator=(Sha256Stream&&) noexcept;
  ~Sha256Stream();
  void Update(ByteView data);
  /// The digest of everything so far; the stream starts anew.
  Sha256Digest Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// HMAC-SHA-256 (FIPS 198-1) on a kept per-thread context. An empty key is allowed, as RFC 2104 allows it.
Sha256Digest HmacSha256(const SecretBuffer& key, std::initializer_list<ByteView> parts);
/// HMAC with any digest, as bytes of DigestSize().
Bytes Hmac(Digest digest, const SecretBuffer& key, std::initializer_list<ByteView> parts);
Bytes Hmac(Digest digest, const SecretBuffer& key, const SecretBuffer& message);

/// True when sizes and bytes are equal; the time depends on the sizes only.
bool ConstantTimeEqual(ByteView a, ByteView b) noexcept;

}  // namespace strongroom::crypto
