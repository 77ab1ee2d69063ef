#pragma once

#include "crypto/gcm_context.h"
#include "encryption_sdk/internal/work_buffer.h"

namespace strongroom::encryption_sdk::internal {

inline constexpr std::size_t kIvBytes = 12, kTagBytes = 16;
inline constexpr std::uint32_t kFinalMark = 0xffffffff;
inline constexpr std::uint64_t kMostFrames = 0xffffffff;
inline constexpr std::size_t kRegularOverhead = 4 + kIvBytes + kTagBytes;
inline constexpr std::size_t kFinalOverhead = 4 + 4 + kIvBytes + 4 + kTagBytes;
inline constexpr std::uint64_t kMostNonFramedBytes = 68'719'476'704;  // 2^36 - 32, GCM's limit

using Tag = crypto::GcmContext::Tag;
using Nonce = std::array<std::uint8_t, kIvBytes>;

enum class FrameKind : std::uint8_t { kRegular, kFinal, kSingleBlock };

/// The nonce that belongs to a number: 0 is the header's.
Nonce NonceFor(std::uint32_t number) noexcept;

/// Encrypts or decrypts the frames of one message on one thread.
class FrameCipher {
 public:
  static Result<FrameCipher> ForSealing(const SecretBuffer& derived_key, ByteView message_id);
  static Result<FrameCipher> ForOpening(const SecretBuffer& derived_key, ByteView message_id);

  /// The whole frame as it stands in a message, into `out`.
  Result<Tag> Seal(FrameKind kind, std::uint32_t number, ByteView plaintext, WorkBuffer& out);
  /// `sealed` is content and tag; `out` has room for the content and may be where it stands. False: the tag does not
  /// fit.
  Result<bool> Open(FrameKind kind, std::uint32_t number, const Nonce& nonce, ByteView sealed, std::uint8_t* out);

  /// The header's tag.
  Result<Tag> SealHeader(ByteView body, ByteView required_context);
  Result<bool> OpenHeader(const Nonce& nonce, ByteView body, ByteView required_context, const Tag& tag);

 private:
  FrameCipher(crypto::GcmContext context, ByteView message_id)
      : context_(std::move(context)), id_bytes_(message_id.size()) {
    std::copy(message_id.begin(), message_id.end(), aad_.begin());
  }
  ByteView Aad(FrameKind kind, std::uint32_t number, std::uint64_t size) noexcept;

  crypto::GcmContext context_;
  std::size_t id_bytes_;
  std::array<std::uint8_t, 96> aad_{};  // begins with the message id
};

}  // namespace strongroom::encryption_sdk::internal
