#include "encryption_sdk/decryptor.h"

#include "encryption_sdk/errors.h"
#include "encryption_sdk/internal/message_reader.h"

namespace strongroom::encryption_sdk {

struct Decryptor::Impl {
  internal::MessageReader reader;
};

Decryptor::Decryptor(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Decryptor::Decryptor(Decryptor&&) noexcept = default;
Decryptor& Decryptor::operator=(Decryptor&&) noexcept = default;
Decryptor::~Decryptor() = default;

Result<Decryptor> Decryptor::Start(Cmm& cmm, DecryptOptions options, Sink sink) {
  SR_CHECK(internal::CheckOptions(options));
  return Decryptor(std::unique_ptr<Impl>(new Impl{internal::MessageReader(cmm, std::move(options), std::move(sink))}));
}

Status Decryptor::Write(ByteView message) { return impl_->reader.Write(message); }
Result<MessageFacts> Decryptor::Finish() { return impl_->reader.Finish(); }
const Header* Decryptor::header() const noexcept { return impl_->reader.header(); }

Result<DecryptedMessage> DecryptMessage(Cmm& cmm, ByteView message, DecryptOptions options) {
  SecretBytes plaintext;
  plaintext.reserve(message.size());  // never longer than that
  SR_TRY(Decryptor decryptor, Decryptor::Start(cmm, std::move(options), [&plaintext](ByteView piece) {
           plaintext.insert(plaintext.end(), piece.begin(), piece.end());
           return Status();
         }));
  SR_CHECK(decryptor.Write(message));
  SR_TRY(MessageFacts facts, decryptor.Finish());
  return DecryptedMessage{std::move(plaintext), std::move(facts)};
}

Result<OpenedHeader> OpenHeader(Cmm& cmm, ByteView message, const DecryptOptions& options) {
  SR_CHECK(internal::CheckOptions(options));
  internal::HeaderParser parser(options.header_limits);
  SR_CHECK(parser.Feed(message));
  if (!parser.done()) {
    return MakeError(ErrorCode::kTruncated, fmt::format("The message ends {}.", parser.Where()));
  }
  SR_TRY(internal::VerifiedHeader verified, internal::VerifyHeader(cmm, parser, options));
  return OpenedHeader{parser.header(), std::move(verified.materials)};
}

}  // namespace strongroom::encryption_sdk
