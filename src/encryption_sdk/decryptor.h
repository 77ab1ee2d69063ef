#pragma once

#include <memory>

#include "encryption_sdk/cmm.h"
#include "encryption_sdk/facts.h"
#include "secret/secret_vector.h"

namespace strongroom::encryption_sdk {

struct DecryptOptions {
  CommitmentPolicy policy = CommitmentPolicy::kRequireEncryptRequireDecrypt;
  HeaderLimits header_limits;
  std::uint64_t max_frame_bytes = std::uint64_t{64} << 20;
  std::uint64_t max_nonframed_bytes = std::uint64_t{1} << 30;
  /// Refuse suites that sign: for callers that must use each frame at once.
  bool unsigned_only = false;
  /// Entries that the message must have, and entries that its writer left out of the header.
  EncryptionContext reproduced;
  /// Threads that decrypt beside the caller's; 0: the caller's alone. Memory grows by two frames for each.
  unsigned threads = 0;
};

/// Reads one message and gives the plaintext to a sink. A frame is released once its tag has been verified; the final
/// frame of a signed message once the signature has been. Only Finish says that the message is whole: after any error,
/// everything released is to be thrown away. One thread at a time.
class Decryptor {
 public:
  /// The CMM is asked when the header has come in; it must outlive the decryptor.
  static Result<Decryptor> Start(Cmm& cmm, DecryptOptions options, Sink sink);
  Decryptor(Decryptor&&) noexcept;
  Decryptor& operator=(Decryptor&&) noexcept;
  ~Decryptor();

  /// The next bytes of the message, in pieces of any size. Errors: those of ErrorCode, the CMM's and the sink's;
  /// further calls repeat the first one.
  Status Write(ByteView message);
  /// The end of the input. Errors: Truncated (names the field).
  Result<MessageFacts> Finish();
  /// Once the header's tag has been verified; null before. Only then is it the writer's word.
  const Header* header() const noexcept;

 private:
  struct Impl;
  explicit Decryptor(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

/// The whole message, all or nothing.
struct DecryptedMessage {
  SecretBytes plaintext;
  MessageFacts facts;
};
Result<DecryptedMessage> DecryptMessage(Cmm& cmm, ByteView message, DecryptOptions options = {});

/// A header that has been verified, with the message's data key: for keeping a data key under other wrapping keys
/// (given_keyring.h), and for reading single frames (FrameReader).
struct OpenedHeader {
  Header header;
  DecryptionMaterials materials;
};
/// `message` begins with the whole header; what follows is not looked at. Errors: as Decryptor's, Truncated included.
Result<OpenedHeader> OpenHeader(Cmm& cmm, ByteView message, const DecryptOptions& options = {});

/// Reads single frames of an unsigned framed message, for parts of large objects. Proves a frame's content, its place
/// and its message; not that the message is complete. One thread at a time.
class FrameReader {
 public:
  /// Errors: SignaturePolicyViolation for a message that signs, InvalidArgument when it is not framed, LimitExceeded
  /// for a frame length over options.max_frame_bytes.
  static Result<FrameReader> Open(const OpenedHeader& opened, const DecryptOptions& options = {});
  FrameReader(FrameReader&&) noexcept;
  FrameReader& operator=(FrameReader&&) noexcept;
  ~FrameReader();

  /// Where frame `number` (from 1) begins in the message, in bytes.
  std::uint64_t Offset(std::uint32_t number) const noexcept;
  /// Decrypts the frame that `bytes` begins with; `plaintext` has its content. `last` says whether it is the final one.
  struct Frame {
    ByteView plaintext;  // until the next call
    bool last = false;
    std::array<std::uint8_t, 16> tag;
  };
  /// Errors: MalformedBody, BodyAuthenticationFailed, Truncated.
  Result<Frame> Read(std::uint32_t number, ByteView bytes);

 private:
  struct Impl;
  explicit FrameReader(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strongroom::encryption_sdk
