#pragma once

#include <array>
#include <initializer_list>
#include <memory>

#include "base/bytes.h"
#include "secret/secret_buffer.h"

namespace strongroom::crypto {

/// AES-GCM under one key for many texts, for formats that number their nonces: the key is expanded once, each text only
/// sets its nonce. 12-byte nonces, 16-byte tags. The format that uses it answers for never using a nonce twice.
/// One thread at a time; several contexts may have one key.
class GcmContext {
 public:
  using Nonce = std::span<const std::uint8_t, 12>;
  using Tag = std::array<std::uint8_t, 16>;

  /// Key of 16, 24 or 32 bytes. Errors: kInvalidArgument.
  static Result<GcmContext> ForSealing(const SecretBuffer& key);
  static Result<GcmContext> ForOpening(const SecretBuffer& key);
  GcmContext(GcmContext&&) noexcept;
  GcmContext& operator=(GcmContext&&) noexcept;
  ~GcmContext();

  /// `out` has room for plaintext.size() bytes and may be the plaintext itself.
  Result<Tag> Seal(Nonce nonce, std::initializer_list<ByteView> aad, ByteView plaintext, std::uint8_t* out);
  /// False when the tag does not fit: `out` then holds bytes that nobody may use.
  Result<bool> Open(Nonce nonce, std::initializer_list<ByteView> aad, ByteView ciphertext, const Tag& tag,
                    std::uint8_t* out);

 private:
  struct Impl;
  explicit GcmContext(std::unique_ptr<Impl> impl) noexcept;
  static Result<GcmContext> Make(const SecretBuffer& key, int encrypt);
  std::unique_ptr<Impl> impl_;
};

}  // namespace strongroom::crypto
