#include "kms/data_key.h"

#include "kms/attestation/recipient.h"

namespace strongroom::kms {
namespace {

Result<std::uint32_t> ParseSize(const aws::Call& call) {
  SR_TRY(const auto spec, call.body.OptionalString("KeySpec"));
  SR_TRY(const auto bytes, call.body.OptionalInt("NumberOfBytes"));
  if (spec.has_value() == bytes.has_value())
    return Error(Errc::kInvalidArgument, "Please specify either number of bytes or key spec.");
  if (bytes) return static_cast<std::uint32_t>(*bytes);
  return *spec == "AES_256" ? 32u : 16u;
}

/// The operations that show no plaintext have no such member.
Result<std::optional<AttestedRecipient>> RecipientOf(Kms& kms, aws::Call& call, bool show_plaintext) {
  if (!show_plaintext) return std::optional<AttestedRecipient>();
  return TakeRecipient(kms, call);
}

}  // namespace

Task<Result<aws::Reply>> MakeDataKey(Kms& kms, aws::Call& call, bool show_plaintext) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_TRY(const CryptoOptions options, ParseCryptoOptions(call));
  SR_CO_TRY(const std::uint32_t size, ParseSize(call));
  SR_CO_TRY(const auto recipient, RecipientOf(kms, call, show_plaintext));
  const KeyRules rules{.states = kUsable, .usage = "ENCRYPT_DECRYPT", .spec = "SYMMETRIC_DEFAULT"};
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules, &options.context));
  SR_CO_CHECK(StopIfDryRun(options));
  SR_CO_TRY(SealedRandom made,
            co_await usable.store(kms).Random(*usable.key, options.canonical_context, size, show_plaintext));
  aws::Reply reply;
  reply.Blob("CiphertextBlob", std::move(made.sealed));
  if (show_plaintext) {
    SR_CO_CHECK(AddSecret(reply, recipient, "Plaintext", std::move(made.plaintext)));
  }
  reply.Text("KeyId", usable.key->arn);
  AddMaterialId(call, reply, recipient, usable.key->MaterialIdText(usable.key->current()));
  co_return reply;
}

Task<Result<aws::Reply>> MakeDataKeyPair(Kms& kms, aws::Call& call, bool show_plaintext) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_TRY(const std::string spec, call.body.RequiredString("KeyPairSpec"));
  SR_CO_TRY(const CryptoOptions options, ParseCryptoOptions(call));
  SR_CO_TRY(const auto recipient, RecipientOf(kms, call, show_plaintext));
  const KeyRules rules{.states = kUsable, .usage = "ENCRYPT_DECRYPT", .spec = "SYMMETRIC_DEFAULT"};
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules, &options.context));
  if (usable.key->store() != StoreKind::kDomain)
    co_return Error(Errc::kUnsupported, usable.key->arn + " origin is " + std::string(Name(usable.key->row.origin)) +
                                            " which is not valid for this operation.");
  if (spec == "SM2" && !kms.sm2())
    co_return Error(Errc::kUnsupported, "KeyPairSpec SM2 is not supported in this Region.");
  SR_CO_CHECK(StopIfDryRun(options));
  SR_CO_TRY(SealedKeyPair made,
            co_await usable.store(kms).KeyPair(*usable.key, options.canonical_context, spec, show_plaintext));
  aws::Reply reply;
  reply.Blob("PrivateKeyCiphertextBlob", std::move(made.sealed));
  if (show_plaintext) {
    SR_CO_CHECK(AddSecret(reply, recipient, "PrivateKeyPlaintext", std::move(made.plaintext)));
  }
  reply.Blob("PublicKey", std::move(made.public_key)).Text("KeyId", usable.key->arn).Text("KeyPairSpec", spec);
  AddMaterialId(call, reply, recipient, usable.key->MaterialIdText(usable.key->current()));
  co_return reply;
}

}  // namespace strongroom::kms
