#pragma once

#include <memory>

#include "encryption_sdk/cmm.h"
#include "encryption_sdk/facts.h"

namespace strongroom::encryption_sdk {

inline constexpr std::uint32_t kDefaultFrameLength = std::uint32_t{1} << 20;
/// Longer frames can be read here but not by every implementation, so they are not written.
inline constexpr std::uint32_t kLongestFrameWritten = 0x7fffffff;

struct EncryptOptions {
  CommitmentPolicy policy = CommitmentPolicy::kRequireEncryptRequireDecrypt;
  /// Nothing: 0478 (committing, not signed), or 0378 under kForbidEncryptAllowDecrypt.
  std::optional<SuiteId> suite;
  std::uint32_t frame_length = kDefaultFrameLength;  // bytes, 1..2^31-1
  /// The plaintext's length or an upper bound for it; more is PlaintextTooLong, fewer is fine. Without it a caching CMM
  /// does not cache.
  std::optional<std::uint64_t> plaintext_bound;
  std::optional<std::size_t> max_encrypted_data_keys;
  /// Threads that encrypt beside the caller's; 0: the caller's alone. Memory grows by two frames for each.
  unsigned threads = 0;
};

/// Writes one message to a sink, frame by frame, in memory bounded by the frame length. One thread at a time.
class Encryptor {
 public:
  /// Asks the CMM and gives the header to the sink.
  /// Errors: InvalidArgument, ReservedContextKey, CommitmentPolicyViolation, LimitExceeded,
  /// TooManyEncryptedDataKeys; what CMM, keyring and sink answer.
  static Result<Encryptor> Start(Cmm& cmm, EncryptionContext context, const EncryptOptions& options, Sink sink);
  Encryptor(Encryptor&&) noexcept;
  Encryptor& operator=(Encryptor&&) noexcept;
  ~Encryptor();

  /// Errors: PlaintextTooLong, LimitExceeded, the sink's. After any error the message is void; further calls repeat it.
  Status Write(ByteView plaintext);
  /// Final frame and footer. Without it, what was written is a truncated message, which nobody decrypts.
  Result<MessageFacts> Finish();
  /// The header that was written.
  const Header& header() const noexcept;

 private:
  struct Impl;
  explicit Encryptor(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

/// The length of the message that Encryptor makes of `plaintext_bytes`, header given.
std::uint64_t MessageBytes(const Header& header, std::uint64_t plaintext_bytes) noexcept;

/// The whole message at once.
struct EncryptedMessage {
  Bytes message;
  MessageFacts facts;
};
Result<EncryptedMessage> EncryptMessage(Cmm& cmm, const EncryptionContext& context, ByteView plaintext,
                                        EncryptOptions options = {});

}  // namespace strongroom::encryption_sdk
