#include "encryption_sdk/encryptor.h"

#include "crypto/random.h"
#include "encryption_sdk/errors.h"
#include "encryption_sdk/internal/cmm_rules.h"
#include "encryption_sdk/internal/message_writer.h"

namespace strongroom::encryption_sdk {
namespace {

constexpr unsigned kMostThreads = 64;

SuiteId SuiteFor(const EncryptOptions& options) noexcept {
  if (options.suite) return *options.suite;
  return options.policy == CommitmentPolicy::kForbidEncryptAllowDecrypt ? SuiteId::k256Sha384P384 : SuiteId::k256Commit;
}

Status Check(const EncryptionContext& context, const EncryptOptions& options) {
  if (options.frame_length == 0 || options.frame_length > kLongestFrameWritten) {
    return MakeError(ErrorCode::kInvalidArgument, "The frame length is between 1 and 2,147,483,647 bytes.");
  }
  if (options.threads > kMostThreads) return MakeError(ErrorCode::kInvalidArgument, "At most 64 threads encrypt.");
  if (options.max_encrypted_data_keys && *options.max_encrypted_data_keys == 0) {
    return MakeError(ErrorCode::kInvalidArgument, "The maximum of encrypted data keys is 1 to 65,535.");
  }
  if (options.plaintext_bound && *options.plaintext_bound > options.frame_length * internal::kMostFrames) {
    return MakeError(ErrorCode::kLimitExceeded,
                     "The plaintext needs more frames than a message can have; choose longer frames.");
  }
  SR_CHECK(internal::CheckCallersContext(context));
  return internal::CheckMayEncrypt(options.policy, SuiteFor(options));
}

}  // namespace

struct Encryptor::Impl {
  std::unique_ptr<internal::MessageWriter> writer;
};

Encryptor::Encryptor(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Encryptor::Encryptor(Encryptor&&) noexcept = default;
Encryptor& Encryptor::operator=(Encryptor&&) noexcept = default;
Encryptor::~Encryptor() = default;

Result<Encryptor> Encryptor::Start(Cmm& cmm, EncryptionContext context, const EncryptOptions& options, Sink sink) {
  SR_CHECK(Check(context, options));
  SR_TRY(const EncryptionMaterials materials,
         cmm.ForEncryption({std::move(context), options.policy, SuiteFor(options), options.plaintext_bound}));
  SR_CHECK(internal::CheckMayEncrypt(options.policy, materials.suite));
  const std::size_t keys = materials.encrypted_data_keys.size();
  if (keys == 0 || (options.max_encrypted_data_keys && keys > *options.max_encrypted_data_keys)) {
    return MakeError(ErrorCode::kTooManyEncryptedDataKeys,
                     fmt::format("The data key was wrapped {} times, which is not what is allowed.", keys));
  }
  Bytes message_id(SuiteOf(materials.suite).message_id_bytes());
  SR_CHECK(crypto::Random(message_id));
  auto impl = std::make_unique<Impl>();
  SR_TRY(impl->writer, internal::MessageWriter::Begin(materials, std::move(message_id),
                                                      {options.frame_length, options.plaintext_bound, options.threads},
                                                      std::move(sink)));
  return Encryptor(std::move(impl));
}

Status Encryptor::Write(ByteView plaintext) { return impl_->writer->Write(plaintext); }
Result<MessageFacts> Encryptor::Finish() { return impl_->writer->Finish(); }
const Header& Encryptor::header() const noexcept { return impl_->writer->header(); }

std::uint64_t MessageBytes(const Header& header, std::uint64_t plaintext_bytes) noexcept {
  const std::uint64_t frame = header.frame_length;
  const std::uint64_t before_final = plaintext_bytes == 0 ? 0 : (plaintext_bytes - 1) / frame;
  const std::size_t signature = header.suite_facts().signature_bytes;
  return header.total_bytes + plaintext_bytes + before_final * internal::kRegularOverhead + internal::kFinalOverhead +
         (signature == 0 ? 0 : 2 + signature);
}

Result<EncryptedMessage> EncryptMessage(Cmm& cmm, const EncryptionContext& context, ByteView plaintext,
                                        EncryptOptions options) {
  options.plaintext_bound = plaintext.size();
  Bytes message;
  SR_TRY(Encryptor encryptor, Encryptor::Start(cmm, context, options, [&message](ByteView piece) {
           Append(message, piece);
           return Status();
         }));
  message.reserve(MessageBytes(encryptor.header(), plaintext.size()));
  SR_CHECK(encryptor.Write(plaintext));
  SR_TRY(MessageFacts facts, encryptor.Finish());
  return EncryptedMessage{std::move(message), std::move(facts)};
}

}  // namespace strongroom::encryption_sdk
