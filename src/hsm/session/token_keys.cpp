#include "hsm/session/token_keys.h"

namespace strongroom::hsm {
namespace {
constexpr std::size_t kMaxSignedBytes = 4096;
}  // namespace

Status RequireMessageSize(const SecretBuffer& message) {
  if (!message.empty() && message.size() <= kMaxSignedBytes) return {};
  return Error(Errc::kInvalidArgument, "A message has 1 to 4096 bytes.");
}

Result<SignatureUse> ReadSignatureUse(const TokenKey& key, std::string_view algorithm, std::string_view message_type,
                                      const SecretBuffer& message) {
  SR_TRY(const crypto::KmsAlgorithm* known, RequireAlgorithm(key, algorithm, crypto::KmsUsage::kSignVerify));
  const auto form = crypto::FindMessageForm(message_type);
  if (!form) return Error(Errc::kInvalidArgument, "There is no such message type.");
  SR_TRY(const crypto::MessageForm given, FormFor(*known, *form, message.size()));
  return SignatureUse{*known->scheme, given};
}

Result<Bytes> MacOf(Call& call, const proto::KeyRef& ref, std::string_view algorithm) {
  constexpr auto kUsage = crypto::KmsUsage::kGenerateVerifyMac;
  const SecretBuffer& message = call.request.segments.at(0);
  SR_CHECK(RequireMessageSize(message));
  SR_TRY(const TokenKeyPtr key, call.engine.vault.Key(call.engine.state(), call.session.key_user(), ref, kUsage));
  SR_TRY(const crypto::KmsAlgorithm* known, RequireAlgorithm(*key, algorithm, kUsage));
  return crypto::Hmac(*known->digest, key->secret, message);
}

Task<Result<Bytes>> EncryptFor(Engine& engine, KeyUser user, const proto::KeyRef& ref, std::string_view algorithm,
                               SecretBuffer plaintext) {
  constexpr auto kUsage = crypto::KmsUsage::kEncryptDecrypt;
  SR_CO_TRY(TokenKeyPtr key, co_await OpenKey(engine, user, ref, kUsage));
  SR_CO_TRY(const crypto::KmsAlgorithm* known, RequireAlgorithm(*key, algorithm, kUsage));
  if (!key->pair) co_return Error(Errc::kWrongKeyUsage, "The key is not one for this.");
  if (plaintext.empty()) co_return Error(Errc::kInvalidArgument, "There is nothing to encrypt.");
  SR_CO_CHECK(RequirePlaintextSize(*key->spec, *known, plaintext.size()));
  auto work = [key, known, plaintext = std::move(plaintext)] {
    const crypto::PublicKey& public_key = key->pair->public_key();
    return known->oaep ? public_key.EncryptOaep(*known->oaep, {}, plaintext) : public_key.EncryptSm2(plaintext);
  };
  co_return co_await engine.crypto.Run(engine.loop, std::move(work), Pace::kQuick);
}

Task<Result<SecretBuffer>> DecryptFor(Engine& engine, KeyUser user, const proto::KeyRef& ref,
                                      std::string_view algorithm, const std::string& ciphertext) {
  constexpr auto kUsage = crypto::KmsUsage::kEncryptDecrypt;
  SR_CO_TRY(TokenKeyPtr key, co_await OpenKey(engine, user, ref, kUsage));
  SR_CO_TRY(const crypto::KmsAlgorithm* known, RequireAlgorithm(*key, algorithm, kUsage));
  if (!key->pair) co_return Error(Errc::kWrongKeyUsage, "The key is not one for this.");
  auto work = [key, known, ciphertext] {
    const ByteView sealed = AsBytes(ciphertext);
    return known->oaep ? key->pair->DecryptOaep(*known->oaep, {}, sealed) : key->pair->DecryptSm2(sealed);
  };
  co_return co_await engine.crypto.Run(engine.loop, std::move(work), Pace::kQuick);
}

}  // namespace strongroom::hsm
