#pragma once

#include "crypto/digest_stream.h"
#include "encryption_sdk/decryptor.h"
#include "encryption_sdk/errors.h"
#include "encryption_sdk/internal/frame_pool.h"
#include "encryption_sdk/internal/header_check.h"

namespace strongroom::encryption_sdk::internal {

/// See Decryptor.
class MessageReader {
 public:
  MessageReader(Cmm& cmm, DecryptOptions options, Sink sink)
      : cmm_(cmm), options_(std::move(options)), sink_(std::move(sink)), parser_(options_.header_limits) {}
  Status Write(ByteView input);
  Result<MessageFacts> Finish();
  const Header* header() const noexcept { return verified_ ? &facts_.header : nullptr; }

 private:
  enum class Stage : std::uint8_t {
    kHeader,
    kSequence,
    kRegularIv,
    kFinalHead,
    kSingleHead,
    kContent,
    kFooterLength,
    kFooter,
    kEnd
  };
  Status Run(ByteView input);
  /// The next `need_` bytes, from the input alone where they are all there; nothing until then.
  std::optional<ByteView> Gather(ByteView& input);
  Status BeginBody();
  Status Step(ByteView field);
  Status TakeSequence(std::uint32_t number);
  Status TakeFinalHead(ByteView field);
  Status TakeSingleHead(ByteView field);
  Status TakeNonce(ByteView field);
  Status CheckFrameSize(std::uint64_t size) const;
  Status TakeContent(ByteView sealed);
  Status OpenHere(ByteView sealed);
  Status SubmitFrame(ByteView sealed);
  Status ReleaseOldest();
  Status ReleaseAll();
  /// Content whose tag is right, from `out_`.
  Status Released(ByteView plaintext, ByteView tag, FrameKind kind);
  Status AfterContent();
  Status TakeSignature(ByteView signature);
  void Expect(Stage stage, std::size_t size) noexcept {
    stage_ = stage;
    need_ = size;
  }
  std::string Where() const;
  Error Refused(ErrorCode code, std::string_view what) const;
  Status Keep(Status done);

  Cmm& cmm_;
  DecryptOptions options_;
  Sink sink_;
  HeaderParser parser_;
  MessageFacts facts_;
  bool verified_ = false;
  std::optional<crypto::PublicKey> verification_key_;
  std::optional<crypto::DigestStream> signed_bytes_;
  crypto::Sha256Stream tags_;
  std::optional<FrameCipher> cipher_;
  std::unique_ptr<FramePool> pool_;

  Stage stage_ = Stage::kHeader;
  std::size_t need_ = 0;
  WorkBuffer gathered_, out_, held_back_;
  bool clear_gathered_ = false;  // the field is gathered_'s and goes with it
  bool tags_done_ = false;
  bool frame_failed_ = false;  // nothing of a later frame is released
  FrameKind kind_ = FrameKind::kRegular;
  std::uint32_t number_ = 0;  // of the frame that is being read
  Nonce nonce_{};
  std::optional<Error> failed_;
};

}  // namespace strongroom::encryption_sdk::internal
