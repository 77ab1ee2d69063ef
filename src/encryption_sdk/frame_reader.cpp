#include "encryption_sdk/decryptor.h"
#include "encryption_sdk/errors.h"
#include "encryption_sdk/internal/derivation.h"
#include "encryption_sdk/internal/frames.h"
#include "encryption_sdk/internal/wire.h"

namespace strongroom::encryption_sdk {

using internal::FrameKind;
using internal::kIvBytes;
using internal::kTagBytes;

struct FrameReader::Impl {
  internal::FrameCipher cipher;
  std::size_t first_at;
  std::uint32_t frame_length;
  int version;
  internal::WorkBuffer out;
};

FrameReader::FrameReader(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
FrameReader::FrameReader(FrameReader&&) noexcept = default;
FrameReader& FrameReader::operator=(FrameReader&&) noexcept = default;
FrameReader::~FrameReader() = default;

Result<FrameReader> FrameReader::Open(const OpenedHeader& opened, const DecryptOptions& options) {
  const Header& header = opened.header;
  const Suite& suite = header.suite_facts();
  if (suite.signs()) {
    return MakeError(ErrorCode::kSignaturePolicyViolation, "A signed message is read as a whole, for its signature.");
  }
  if (header.content_type != ContentType::kFramed) {
    return MakeError(ErrorCode::kInvalidArgument, "The message has no frames.");
  }
  if (header.frame_length > options.max_frame_bytes) {
    return MakeError(ErrorCode::kLimitExceeded, fmt::format("Frames have {} bytes and at most {} are allowed.",
                                                            header.frame_length, options.max_frame_bytes));
  }
  SR_TRY(const internal::DerivedKeys derived, internal::Derive(suite, opened.materials.data_key, header.message_id));
  SR_TRY(internal::FrameCipher cipher, internal::FrameCipher::ForOpening(derived.key, header.message_id));
  return FrameReader(
      std::unique_ptr<Impl>(new Impl{std::move(cipher), header.total_bytes, header.frame_length, suite.version(), {}}));
}

std::uint64_t FrameReader::Offset(std::uint32_t number) const noexcept {
  return impl_->first_at + (number - std::uint64_t{1}) * (impl_->frame_length + internal::kRegularOverhead);
}

Result<FrameReader::Frame> FrameReader::Read(std::uint32_t number, ByteView bytes) {
  const auto refused = [number](ErrorCode code, std::string_view what) {
    return MakeError(code, fmt::format("Frame {}: {}", number, what));
  };
  const auto truncated = [&] { return refused(ErrorCode::kTruncated, "the message ends within it."); };
  Frame frame;
  if (bytes.size() < 4) return truncated();
  frame.last = internal::Get32(bytes) == internal::kFinalMark;
  if (frame.last) bytes = bytes.subspan(4);
  const std::size_t head = 4 + kIvBytes + (frame.last ? 4 : 0);
  if (bytes.size() < head) return truncated();
  internal::Nonce nonce;
  std::copy_n(bytes.begin() + 4, nonce.size(), nonce.begin());
  const std::size_t size = frame.last ? internal::Get32(bytes, 4 + kIvBytes) : impl_->frame_length;
  if (internal::Get32(bytes) != number || size > impl_->frame_length ||
      (impl_->version == 2 && nonce != internal::NonceFor(number))) {
    return refused(ErrorCode::kMalformedBody, "another frame stands in its place.");
  }
  bytes = bytes.subspan(head);
  if (bytes.size() < size + kTagBytes) return truncated();
  const ByteView sealed = bytes.first(size + kTagBytes);
  SR_TRY(const bool authentic, impl_->cipher.Open(frame.last ? FrameKind::kFinal : FrameKind::kRegular, number, nonce,
                                                  sealed, impl_->out.Resize(size)));
  if (!authentic) {
    impl_->out.WipeAll();
    return refused(ErrorCode::kBodyAuthenticationFailed, "the content was changed.");
  }
  frame.plaintext = impl_->out.view();
  std::copy_n(sealed.end() - kTagBytes, kTagBytes, frame.tag.begin());
  return frame;
}

}  // namespace strongroom::encryption_sdk
