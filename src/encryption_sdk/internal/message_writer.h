#pragma once

#include "crypto/digest_stream.h"
#include "encryption_sdk/facts.h"
#include "encryption_sdk/internal/frame_pool.h"

namespace strongroom::encryption_sdk::internal {

struct WriterSettings {
  std::uint32_t frame_length = 0;
  std::optional<std::uint64_t> plaintext_bound;
  unsigned threads = 0;
  std::uint64_t most_frames = kMostFrames;  // smaller in tests
};

/// Writes a message with materials and message id given. See Encryptor for what it promises; the id must never have
/// been used with the data key before.
class MessageWriter {
 public:
  static Result<std::unique_ptr<MessageWriter>> Begin(const EncryptionMaterials& materials, Bytes message_id,
                                                      const WriterSettings& settings, Sink sink);
  Status Write(ByteView plaintext);
  Result<MessageFacts> Finish();
  const Header& header() const noexcept { return facts_.header; }

 private:
  MessageWriter(const WriterSettings& settings, Sink sink, FrameCipher cipher)
      : settings_(settings), sink_(std::move(sink)), cipher_(std::move(cipher)) {}
  Status Run(ByteView plaintext);
  Status End();
  /// On this thread, from gathered bytes or right from the caller's.
  Status SealHere(FrameKind kind, ByteView plaintext);
  WorkBuffer& Gathering() noexcept { return pool_ ? pool_->Next().in : gathered_; }
  Status SubmitGathered(FrameKind kind);
  Status EmitOldest();
  Status EmitFrame(ByteView frame, const Tag& tag);
  Status Emit(ByteView bytes);
  Result<std::uint32_t> NextNumber(FrameKind kind);
  Status Keep(Status done);

  WriterSettings settings_;
  Sink sink_;
  FrameCipher cipher_;
  std::unique_ptr<FramePool> pool_;
  std::optional<crypto::PrivateKey> signing_key_;
  std::optional<crypto::DigestStream> signed_bytes_;
  crypto::Sha256Stream tags_;
  WorkBuffer gathered_, out_;
  MessageFacts facts_;
  std::uint32_t numbered_ = 0;
  std::optional<Error> failed_;
  bool finished_ = false;
};

}  // namespace strongroom::encryption_sdk::internal
