#pragma once

#include <memory>
#include <string_view>

#include "crypto/hash.h"

namespace strongroom::crypto {

/// HMAC-SHA-256 (FIPS 198-1) again and again under one key: taking in the key, which costs more than the HMAC of a
/// short text, is done once.
///
/// Secrets   the keyed state is in OpenSSL's memory, not in the locked pool, until the object goes and wipes it: for
/// few
///           keys, in use now.
/// Threads   one at a time.
class HmacKey {
 public:
  explicit HmacKey(const SecretBuffer& key);
  HmacKey(HmacKey&&) noexcept;
  HmacKey& operator=(HmacKey&&) noexcept;
  ~HmacKey();
  Sha256Digest Of(std::string_view text);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strongroom::crypto
