#include "hsm/replica/sealed_body.h"

#include <algorithm>

#include "crypto/seal.h"
#include "hsm/replica/byte_io.h"

namespace strongroom::hsm::replica {
namespace {

constexpr std::uint8_t kVersion = 1;

Error Broken(const char* what, std::string_view how) {
  return Error(Errc::kCorrupted, "A " + std::string(what) + " " + std::string(how) + ".");
}

}  // namespace

Bytes Purpose(std::string_view text) {
  Bytes info = ToBytes(AsBytes(text));
  info.push_back(0);
  return info;
}

Result<Envelope> ParseEnvelope(std::string_view magic, const char* what, ByteView bytes) {
  ByteReader in(bytes);
  const auto start = in.Take(magic.size());
  if (!start || AsText(*start) != magic) return Broken(what, "does not begin as one");
  const auto version = in.Integer(1);
  if (!version) return Broken(what, "is cut short");
  if (*version == 0) return Broken(what, "has version 0, which is none");
  if (*version != kVersion)
    return Error(Errc::kUnsupported, "A " + std::string(what) + " has version " + std::to_string(*version) +
                                         ", which this software does not know.");
  Envelope envelope;
  const auto epoch = in.Integer(8), number = in.Integer(8);
  const auto link = in.Take(envelope.link.size());
  const auto clear = link ? in.Counted(4) : std::nullopt;
  if (!epoch || !number || !clear) return Broken(what, "is cut short");
  envelope.epoch = *epoch;
  envelope.number = *number;
  std::copy(link->begin(), link->end(), envelope.link.begin());
  envelope.authenticated = bytes.first(in.at());
  if (!envelope.clear.ParseFromArray(clear->data(), static_cast<int>(clear->size())))
    return Broken(what, "has an unreadable clear part");
  const auto sealed = in.Counted(4);
  if (!sealed) return Broken(what, "is cut short");
  if (!in.done()) return Broken(what, "has bytes too many");
  if (envelope.number == 0 || envelope.epoch == 0) return Broken(what, "has number or epoch 0");
  envelope.sealed = *sealed;
  return envelope;
}

Status OpenBody(const SecretBuffer& secret, ByteView info, const Envelope& envelope, const char* what,
                google::protobuf::MessageLite& message, Segments& segments) {
  if (envelope.sealed.size() < crypto::kSealOverheadBytes) return Broken(what, "is cut short");
  SecretBytes plaintext(envelope.sealed.size() - crypto::kSealOverheadBytes);
  const Status opened = crypto::OpenInto(secret, info, envelope.authenticated, envelope.sealed, plaintext);
  if (!opened.ok()) {
    if (opened.error().code() != Errc::kBadCiphertext) return opened.error();
    return Broken(what, std::to_string(envelope.number) +
                            " does not verify: it is forged, damaged, or of another cluster, epoch or place");
  }
  ByteReader in(plaintext);
  const auto body = in.Counted(4);
  if (!body || !message.ParseFromArray(body->data(), static_cast<int>(body->size())))
    return Broken(what, "has an unreadable body");
  while (!in.done()) {
    const auto segment = in.Counted(4);
    if (!segment) return Broken(what, "has a segment cut short");
    SR_TRY(SecretBuffer copy, SecretBuffer::CopyOf(*segment));
    segments.push_back(Share(std::move(copy)));
  }
  return {};
}

Result<Bytes> SealBody(const SecretBuffer& secret, ByteView info, const EnvelopeHead& head,
                       const proto::ClearPart& clear, const google::protobuf::MessageLite& message,
                       const Segments& segments) {
  Bytes out = ToBytes(AsBytes(head.magic));
  out.push_back(kVersion);
  PutInteger(out, head.epoch, 8);
  PutInteger(out, head.number, 8);
  PutBytes(out, head.link);
  PutCounted(out, AsBytes(clear.SerializeAsString()), 4);

  SecretBytes plaintext;
  const std::size_t body_size = message.ByteSizeLong();
  std::size_t whole = 4 + body_size;
  for (const SharedSecret& segment : segments) whole += 4 + segment->size();
  plaintext.reserve(whole);
  PutInteger(plaintext, body_size, 4);
  plaintext.resize(4 + body_size);
  if (!message.SerializeToArray(plaintext.data() + 4, static_cast<int>(body_size)))
    return Error(Errc::kInternal, "A record could not be serialised.");
  for (const SharedSecret& segment : segments) VaultSealer::AppendSegment(plaintext, *segment);

  const std::size_t authenticated = out.size(), sealed = crypto::SealedSize(plaintext.size());
  if (sealed > 0xffffffffULL) return Error(Errc::kRequestTooLarge, "The content is too large to seal.");
  const Bytes aad = out;
  out.resize(authenticated);
  PutInteger(out, sealed, 4);
  const std::size_t at = out.size();
  out.resize(at + sealed);
  SR_CHECK(crypto::SealInto(secret, info, aad, plaintext, std::span(out).subspan(at)));
  return out;
}

}  // namespace strongroom::hsm::replica
