// Source: AWS KMS API Reference, "Encrypt".
#include "kms/ciphertext.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

struct Request {
  std::string key_id;
  SecretBuffer plaintext;
  CryptoOptions options;
};

Result<Request> Parse(const aws::Call& call) {
  Request r;
  SR_TRY(r.key_id, call.body.RequiredString("KeyId"));
  SR_TRY(r.plaintext, call.body.RequiredSecret("Plaintext"));
  SR_TRY(r.options, ParseCryptoOptions(call));
  return r;
}

Task<Result<aws::Reply>> Encrypt(Kms& kms, aws::Call& call) {
  SR_CO_TRY(Request r, Parse(call));
  const KeyRules rules{.states = kUsable, .usage = "ENCRYPT_DECRYPT"};
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, std::move(r.key_id), rules, &r.options.context));
  SR_CO_TRY(const std::string algorithm, call.body.StringOr("EncryptionAlgorithm", "SYMMETRIC_DEFAULT"));
  SR_CO_CHECK(RequireAlgorithm(*usable.key, algorithm));
  const Key& key = *usable.key;
  SR_CO_CHECK(RequireNoContext(key, r.options.context));
  SR_CO_CHECK(RequirePlaintextFits(key, algorithm, r.plaintext.size()));
  SR_CO_CHECK(StopIfDryRun(r.options));
  Bytes blob;
  if (key.symmetric()) {
    SR_CO_TRY(blob, co_await usable.store(kms).Seal(key, r.options.canonical_context, std::move(r.plaintext)));
    // Unlike other operations' answers, this one's does not have it.
    const std::string_view material_id = key.MaterialIdText(key.current());
    if (!material_id.empty()) call.AuditData("keyMaterialId", std::string(material_id));
  } else {
    SR_CO_TRY(blob, co_await usable.store(kms).Encrypt(key, algorithm, std::move(r.plaintext)));
  }
  aws::Reply reply;
  reply.Blob("CiphertextBlob", std::move(blob)).Text("KeyId", key.arn).Text("EncryptionAlgorithm", algorithm);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::encrypt = {
    .target = "TrentService.Encrypt", .iam_action = "kms:Encrypt", .handler = aws::Bind<Kms, &Encrypt>};

}  // namespace strongroom::kms
