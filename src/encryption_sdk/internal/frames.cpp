#include "encryption_sdk/internal/frames.h"

#include "encryption_sdk/internal/wire.h"

namespace strongroom::encryption_sdk::internal {
namespace {

std::string_view LabelOf(FrameKind kind) noexcept {
  switch (kind) {
    case FrameKind::kRegular: return "AWSKMSEncryptionClient Frame";
    case FrameKind::kFinal: return "AWSKMSEncryptionClient Final Frame";
    case FrameKind::kSingleBlock: return "AWSKMSEncryptionClient Single Block";
  }
  return {};
}

}  // namespace

Nonce NonceFor(std::uint32_t number) noexcept {
  Nonce nonce{};
  Store<4>(nonce.data() + nonce.size() - 4, number);
  return nonce;
}

Result<FrameCipher> FrameCipher::ForSealing(const SecretBuffer& derived_key, ByteView message_id) {
  SR_TRY(auto context, crypto::GcmContext::ForSealing(derived_key));
  return FrameCipher(std::move(context), message_id);
}

Result<FrameCipher> FrameCipher::ForOpening(const SecretBuffer& derived_key, ByteView message_id) {
  SR_TRY(auto context, crypto::GcmContext::ForOpening(derived_key));
  return FrameCipher(std::move(context), message_id);
}

ByteView FrameCipher::Aad(FrameKind kind, std::uint32_t number, std::uint64_t size) noexcept {
  const std::string_view label = LabelOf(kind);
  std::uint8_t* at = aad_.data() + id_bytes_;
  std::memcpy(at, label.data(), label.size());
  at += label.size();
  Store<4>(at, number);
  Store<8>(at + 4, size);
  return ByteView(aad_).first(id_bytes_ + label.size() + 12);
}

Result<Tag> FrameCipher::Seal(FrameKind kind, std::uint32_t number, ByteView plaintext, WorkBuffer& out) {
  const bool last = kind == FrameKind::kFinal;
  std::uint8_t* at = out.Resize(plaintext.size() + (last ? kFinalOverhead : kRegularOverhead));
  if (last) {
    Store<4>(at, kFinalMark);
    at += 4;
  }
  Store<4>(at, number);
  const Nonce nonce = NonceFor(number);
  std::memcpy(at + 4, nonce.data(), nonce.size());
  at += 4 + nonce.size();
  if (last) {
    Store<4>(at, plaintext.size());
    at += 4;
  }
  SR_TRY(const Tag tag, context_.Seal(nonce, {Aad(kind, number, plaintext.size())}, plaintext, at));
  std::memcpy(at + plaintext.size(), tag.data(), tag.size());
  return tag;
}

Result<bool> FrameCipher::Open(FrameKind kind, std::uint32_t number, const Nonce& nonce, ByteView sealed,
                               std::uint8_t* out) {
  Tag tag;
  const ByteView content = sealed.first(sealed.size() - tag.size());
  std::memcpy(tag.data(), sealed.data() + content.size(), tag.size());
  return context_.Open(nonce, {Aad(kind, number, content.size())}, content, tag, out);
}

Result<Tag> FrameCipher::SealHeader(ByteView body, ByteView required_context) {
  return context_.Seal(NonceFor(0), {body, required_context}, {}, nullptr);
}

Result<bool> FrameCipher::OpenHeader(const Nonce& nonce, ByteView body, ByteView required_context, const Tag& tag) {
  return context_.Open(nonce, {body, required_context}, {}, tag, nullptr);
}

}  // namespace strongroom::encryption_sdk::internal
