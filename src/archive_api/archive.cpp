#include "archive_api/archive.hpp"

#include <exception>

#include "aws_client/kms_client.h"
#include "encryption_sdk/decryptor.h"
#include "encryption_sdk/encryptor.h"
#include "encryption_sdk/errors.h"
#include "encryption_sdk/kms_arn.h"
#include "encryption_sdk/kms_keyring.h"
#include "encryption_sdk/multi_keyring.h"
#include "encryption_sdk/raw_aes_keyring.h"
#include "encryption_sdk/raw_rsa_keyring.h"

namespace strongroom::archive_api {
namespace {

namespace sdk = encryption_sdk;

[[noreturn]] void Throw(const Error& error) {
  const auto code = sdk::CodeOf(error);
  throw Failure(error.public_message(), code ? std::string(sdk::Name(*code)) : std::string(), sdk::IsRetryable(error));
}
void Check(const Status& status) {
  if (!status.ok()) Throw(status.error());
}
template <typename T>
T Take(Result<T> result) {
  if (!result.ok()) Throw(result.error());
  return std::move(result).value();
}

sdk::EncryptionContext Inner(const Context& context) { return {context.begin(), context.end()}; }
Context Outer(const sdk::EncryptionContext& context) {
  Context out(context.begin(), context.end());
  out.erase(std::string(sdk::kPublicKeyName));
  return out;
}

/// The library inside has no exceptions: what a sink throws waits here until it is back outside.
struct Guarded {
  Sink sink;
  std::exception_ptr thrown;
  sdk::Sink Inside() {
    return [this](ByteView piece) -> Status {
      try {
        sink(AsText(piece));
        return {};
      } catch (...) {
        thrown = std::current_exception();
        return Error(Errc::kCancelled, "The sink failed.");
      }
    };
  }
  template <typename T>
  T Out(Result<T> result) {
    if (!result.ok() && thrown) std::rethrow_exception(thrown);
    if (!result.ok()) Throw(result.error());
    return std::move(result).value();
  }
  void Out(const Status& status) {
    if (!status.ok() && thrown) std::rethrow_exception(thrown);
    Check(status);
  }
};

}  // namespace

Failure::Failure(const std::string& text, std::string code, bool retryable)
    : std::runtime_error(text), code_(std::move(code)), retryable_(retryable) {}
Failure::~Failure() = default;

struct Keys::Impl {
  std::vector<sdk::KeyringPtr> both, opening;  // those that seal too, and those that only open
  std::unique_ptr<aws_client::KmsClients> kms;

  sdk::KmsSupplier& Kms() {
    if (!kms) kms = std::make_unique<aws_client::KmsClients>(Take(aws_client::OpenAws({})));
    return *kms;
  }
};

Keys::Keys() : impl_(std::make_unique<Impl>()) {}
Keys::Keys(Keys&&) noexcept = default;
Keys& Keys::operator=(Keys&&) noexcept = default;
Keys::~Keys() = default;

void Keys::AddKms(std::string_view key_arn) {
  const auto arn = sdk::ParseKmsArn(key_arn);
  if (!arn || !arn->is_key()) {
    Throw(sdk::MakeError(sdk::ErrorCode::kInvalidArgument, "A KMS key is given by its ARN: arn:…:kms:…:key/…"));
  }
  auto port = Take(impl_->Kms().ForRegion(arn->region));
  impl_->both.push_back(Take(sdk::MakeKmsMrkKeyring({std::string(key_arn), std::move(port), {}})));
}

void Keys::AddKmsDiscovery(std::string_view region, std::string_view partition,
                           const std::vector<std::string>& accounts) {
  auto port = Take(impl_->Kms().ForRegion(region));
  impl_->opening.push_back(Take(
      sdk::MakeKmsMrkDiscoveryKeyring(std::move(port), sdk::DiscoveryFilter{std::string(partition), accounts}, {})));
}

void Keys::AddAes(std::string_view name_space, std::string_view name, std::string_view key) {
  SecretBuffer secret = Take(SecretBuffer::CopyOf(AsBytes(key)));
  impl_->both.push_back(Take(sdk::MakeRawAesKeyring(std::string(name_space), std::string(name), std::move(secret))));
}

void Keys::AddRsaPublic(std::string_view name_space, std::string_view name, std::string_view pem) {
  sdk::RawRsaOptions options{.name_space = std::string(name_space), .name = std::string(name)};
  options.public_key = Take(crypto::RsaPublicKeyFromPem(pem));
  impl_->both.push_back(Take(sdk::MakeRawRsaKeyring(std::move(options))));
}

void Keys::AddRsaPrivate(std::string_view name_space, std::string_view name, std::string_view pem) {
  sdk::RawRsaOptions options{.name_space = std::string(name_space), .name = std::string(name)};
  options.private_key = Take(crypto::PrivateKey::FromPem(Take(SecretBuffer::CopyOf(AsBytes(pem)))));
  impl_->opening.push_back(Take(sdk::MakeRawRsaKeyring(std::move(options))));
}

namespace detail {

struct ClientState {
  Settings settings;
  sdk::CmmPtr sealing, opening;

  sdk::EncryptOptions Encrypting() const {
    return {.suite = settings.sign ? sdk::SuiteId::k256CommitP384 : sdk::SuiteId::k256Commit,
            .frame_length = settings.frame_length,
            .threads = settings.threads};
  }
  sdk::DecryptOptions Decrypting(const Context& expected) const {
    return {.policy = settings.read_uncommitted ? sdk::CommitmentPolicy::kRequireEncryptAllowDecrypt
                                                : sdk::CommitmentPolicy::kRequireEncryptRequireDecrypt,
            .reproduced = Inner(expected),
            .threads = settings.threads};
  }
  /// What is expected must stand in the header: an entry that only the caller has would be taken for one left out of
  /// it.
  static void CheckExpected(const sdk::Header& header, const Context& expected) {
    for (const auto& [key, value] : expected) {
      const auto found = header.context.find(key);
      if (found != header.context.end() && found->second == value) continue;
      Throw(
          sdk::MakeError(sdk::ErrorCode::kContextMismatch, "The message has not the entry \"" + key + "\" expected."));
    }
  }
};

struct WriterState {
  std::shared_ptr<ClientState> client;
  std::unique_ptr<Guarded> guarded;
  std::optional<sdk::Encryptor> encryptor;
};
struct ReaderState {
  std::shared_ptr<ClientState> client;
  Context expected;
  std::unique_ptr<Guarded> guarded;
  std::optional<sdk::Decryptor> decryptor;
};

}  // namespace detail

Client::Client(Keys keys, const Settings& settings) : state_(std::make_shared<detail::ClientState>()) {
  state_->settings = settings;
  auto& both = keys.impl_->both;
  const auto cached = [&settings](sdk::CmmPtr cmm) {
    if (settings.cache_age == std::chrono::seconds(0)) return cmm;
    return Take(sdk::MakeCachingCmm(
        std::move(cmm),
        {.max_age = settings.cache_age, .max_messages = settings.cache_messages, .max_bytes = settings.cache_bytes}));
  };
  if (!both.empty()) {
    state_->sealing = cached(sdk::MakeDefaultCmm(
        Take(sdk::MakeMultiKeyring(both.front(), std::vector<sdk::KeyringPtr>(both.begin() + 1, both.end())))));
  }
  std::vector<sdk::KeyringPtr> all = both;
  all.insert(all.end(), keys.impl_->opening.begin(), keys.impl_->opening.end());
  state_->opening = cached(sdk::MakeDefaultCmm(Take(sdk::MakeMultiKeyring(nullptr, std::move(all)))));
}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

std::string Client::Encrypt(std::string_view plaintext, const Context& context) const {
  std::string message;
  if (!state_->sealing) {
    Throw(sdk::MakeError(sdk::ErrorCode::kInvalidArgument, "These keys only decrypt."));
  }
  sdk::EncryptOptions options = state_->Encrypting();
  options.plaintext_bound = plaintext.size();
  auto encryptor = Take(sdk::Encryptor::Start(*state_->sealing, Inner(context), options, [&](ByteView piece) {
    message.append(AsText(piece));
    return Status();
  }));
  Check(encryptor.Write(AsBytes(plaintext)));
  Take(encryptor.Finish());
  return message;
}

Decrypted Client::Decrypt(std::string_view message, const Context& expected) const {
  sdk::DecryptedMessage read =
      Take(sdk::DecryptMessage(*state_->opening, AsBytes(message), state_->Decrypting(expected)));
  detail::ClientState::CheckExpected(read.facts.header, expected);
  return {std::string(AsText(read.plaintext)), Outer(read.facts.header.context)};
}

Writer Client::StartEncrypting(const Context& context, Sink sink) const {
  if (!state_->sealing) {
    Throw(sdk::MakeError(sdk::ErrorCode::kInvalidArgument, "These keys only decrypt."));
  }
  auto state = std::make_unique<detail::WriterState>();
  state->client = state_;
  state->guarded = std::make_unique<Guarded>(Guarded{std::move(sink), nullptr});
  state->encryptor = state->guarded->Out(
      sdk::Encryptor::Start(*state_->sealing, Inner(context), state_->Encrypting(), state->guarded->Inside()));
  return Writer(std::move(state));
}

Reader Client::StartDecrypting(const Context& expected, Sink sink) const {
  auto state = std::make_unique<detail::ReaderState>();
  state->client = state_;
  state->expected = expected;
  state->guarded = std::make_unique<Guarded>(Guarded{std::move(sink), nullptr});
  state->decryptor = state->guarded->Out(
      sdk::Decryptor::Start(*state_->opening, state_->Decrypting(expected), state->guarded->Inside()));
  return Reader(std::move(state));
}

Writer::Writer(std::unique_ptr<detail::WriterState> state) noexcept : state_(std::move(state)) {}
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;
Writer::~Writer() = default;
void Writer::Write(std::string_view plaintext) { state_->guarded->Out(state_->encryptor->Write(AsBytes(plaintext))); }
std::uint64_t Writer::Finish() { return state_->guarded->Out(state_->encryptor->Finish()).message_bytes; }

Reader::Reader(std::unique_ptr<detail::ReaderState> state) noexcept : state_(std::move(state)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;
void Reader::Write(std::string_view message) { state_->guarded->Out(state_->decryptor->Write(AsBytes(message))); }
Context Reader::Finish() {
  const sdk::MessageFacts facts = state_->guarded->Out(state_->decryptor->Finish());
  detail::ClientState::CheckExpected(facts.header, state_->expected);
  return Outer(facts.header.context);
}

}  // namespace strongroom::archive_api
