#include "encryption_sdk/testing/messages.h"

#include "crypto/aes_gcm.h"
#include "crypto/random.h"
#include "encryption_sdk/internal/derivation.h"
#include "encryption_sdk/internal/signing.h"
#include "encryption_sdk/internal/wire.h"

namespace strongroom::encryption_sdk::testing {

using internal::FrameKind;

std::string Said(const Status& status) {
  if (status.ok()) return {};
  const auto code = CodeOf(status.error());
  return std::string(code ? Name(*code) : strongroom::Name(status.error().code()));
}

DecryptOptions ReadsAll() {
  return {.policy = CommitmentPolicy::kRequireEncryptAllowDecrypt, .header_limits = {.max_encrypted_data_keys = {}}};
}

Result<MessageFacts> ReadInPieces(Cmm& cmm, ByteView message, std::size_t piece, Bytes& released,
                                  const DecryptOptions& options) {
  SR_TRY(Decryptor decryptor, Decryptor::Start(cmm, options, [&released](ByteView more) {
           Append(released, more);
           return Status();
         }));
  if (piece == 0) piece = message.size();
  while (!message.empty()) {
    const std::size_t take = std::min(piece, message.size());
    SR_CHECK(decryptor.Write(message.first(take)));
    message = message.subspan(take);
  }
  return decryptor.Finish();
}

EncryptOptions WritesSuite(SuiteId suite, std::uint32_t frame_length) {
  return {.policy = SuiteOf(suite).commits ? CommitmentPolicy::kRequireEncryptRequireDecrypt
                                           : CommitmentPolicy::kForbidEncryptAllowDecrypt,
          .suite = suite,
          .frame_length = frame_length};
}

Bytes TextOf(std::size_t size) {
  Bytes text(size);
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
  return text;
}

EncryptedMessage Write(SuiteId suite, std::uint32_t frame_length, std::size_t size, const EncryptionContext& context) {
  return EncryptMessage(*WrappingCmm(), context, TextOf(size), WritesSuite(suite, frame_length)).value();
}

namespace {

EncryptedDataKey Wrapped(const Suite& suite, const EncryptionContext& context) {
  const Bytes iv = Counting(0x60, 12);
  Bytes info = ToBytes(AsBytes("w1"));
  internal::Put32(info, 128);
  internal::Put32(info, 12);
  Append(info, iv);
  const Bytes aad = Serialize(context).value();
  return {"sr", info,
          crypto::AesGcmEncrypt(CountingSecret(0, 32), {.iv = iv, .aad = aad}, DataKey(suite.key_bytes)).value()};
}

struct Sealed {
  Bytes content;
  internal::Tag tag;
};
/// With any nonce, which FrameCipher does not do.
Sealed SealWith(const SecretBuffer& key, ByteView nonce, ByteView aad, ByteView plaintext) {
  const Bytes sealed = crypto::AesGcmEncrypt(key, {.iv = nonce, .aad = aad}, plaintext).value();
  Sealed out;
  const auto tag = sealed.end() - static_cast<std::ptrdiff_t>(out.tag.size());
  std::copy(tag, sealed.end(), out.tag.begin());
  out.content.assign(sealed.begin(), tag);
  return out;
}

}  // namespace

Bytes HandMade::Make() const {
  const Suite& facts = SuiteOf(suite);
  const Bytes id = MessageId(facts.message_id_bytes());
  const auto derived = internal::Derive(facts, DataKey(facts.key_bytes), id).value();
  EncryptionContext whole = context;
  if (facts.signs()) {
    whole.emplace(kPublicKeyName,
                  public_key.value_or(internal::EncodeVerificationKey(SigningKeyOne(facts.curve).public_key())));
  } else if (public_key) {
    whole.emplace(kPublicKeyName, *public_key);
  }
  const Bytes context_text = context_bytes.value_or(Serialize(whole).value());

  Bytes message;
  message.push_back(facts.version());
  if (facts.version() == 1) message.push_back(0x80);
  internal::Put16(message, static_cast<std::uint16_t>(suite));
  Append(message, id);
  internal::Put16(message, context_text.size());
  Append(message, context_text);
  Append(message, Serialize(keys.value_or(EncryptedDataKeys{Wrapped(facts, whole)})).value());
  message.push_back(static_cast<std::uint8_t>(content_type));
  if (facts.version() == 1) {
    internal::Put32(message, 0);
    message.push_back(12);
  }
  internal::Put32(message, content_type == ContentType::kFramed ? frame_length : 0);
  Append(message, suite_data.value_or(derived.commitment));
  if (change_header) change_header(message);

  const auto nonce_for = [this](std::uint32_t number) {
    Bytes nonce(12);
    internal::Store<4>(nonce.data() + 8, number);
    if (random_ivs) static_cast<void>(crypto::Random(nonce));
    return nonce;
  };
  const Bytes header_nonce = facts.version() == 1 ? nonce_for(0) : Bytes(12);
  const Sealed header = SealWith(derived.key, header_nonce, message, {});
  if (facts.version() == 1) Append(message, header_nonce);
  Append(message, header.tag);

  const auto aad_for = [&id](std::string_view label, std::uint32_t number, std::size_t size) {
    Bytes aad = id;
    Append(aad, AsBytes(label));
    internal::Put32(aad, number);
    internal::Put32(aad, 0);
    internal::Put32(aad, static_cast<std::uint32_t>(size));
    return aad;
  };
  ByteView rest = plaintext;
  if (content_type == ContentType::kNonFramed) {
    const Bytes nonce = nonce_for(1);
    const Sealed block =
        SealWith(derived.key, nonce, aad_for("AWSKMSEncryptionClient Single Block", 1, rest.size()), rest);
    Append(message, nonce);
    internal::Put32(message, 0);
    internal::Put32(message, static_cast<std::uint32_t>(rest.size()));
    Append(message, block.content);
    Append(message, block.tag);
  } else {
    std::uint32_t number = 1;
    for (; rest.size() > frame_length || (empty_final_frame && rest.size() == frame_length); ++number) {
      const Bytes nonce = nonce_for(number);
      const Sealed frame = SealWith(derived.key, nonce, aad_for("AWSKMSEncryptionClient Frame", number, frame_length),
                                    rest.first(frame_length));
      internal::Put32(message, number);
      Append(message, nonce);
      Append(message, frame.content);
      Append(message, frame.tag);
      rest = rest.subspan(frame_length);
    }
    const Bytes nonce = nonce_for(number);
    const Sealed frame =
        SealWith(derived.key, nonce, aad_for("AWSKMSEncryptionClient Final Frame", number, rest.size()), rest);
    internal::Put32(message, 0xffffffff);
    internal::Put32(message, number);
    Append(message, nonce);
    internal::Put32(message, static_cast<std::uint32_t>(rest.size()));
    Append(message, frame.content);
    Append(message, frame.tag);
  }
  if (facts.signs()) {
    Bytes signature =
        SigningKeyOne(facts.curve).Sign(internal::SchemeOf(facts.curve), crypto::MessageForm::kRaw, message).value();
    if (change_signature) signature = change_signature(signature);
    internal::Put16(message, signature.size());
    Append(message, signature);
  }
  return message;
}

Bytes Pieces::Join() const {
  Bytes message = header;
  for (const Bytes& frame : frames) Append(message, frame);
  Append(message, footer);
  return message;
}

Pieces TakeApart(ByteView message) {
  const Header header = PeekHeader(message).value();
  Pieces pieces{ToBytes(message.first(header.total_bytes)), {}, {}};
  message = message.subspan(header.total_bytes);
  for (bool last = false; !last;) {
    last = internal::Get32(message) == internal::kFinalMark;
    const std::size_t size = last ? internal::kFinalOverhead + internal::Get32(message, 20)
                                  : internal::kRegularOverhead + header.frame_length;
    pieces.frames.push_back(ToBytes(message.first(size)));
    message = message.subspan(size);
  }
  pieces.footer = ToBytes(message);
  return pieces;
}

}  // namespace strongroom::encryption_sdk::testing
