// Source: AWS KMS API Reference, "Decrypt"; spec/kms.md 3.1, 3.9.
#include "kms/attestation/recipient.h"
#include "kms/ciphertext.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

struct Request {
  Ciphertext from;
  bool dry_run = false, ignore_ciphertext = false;
};

Result<Request> Parse(const aws::Call& call) {
  Request r;
  SR_TRY(r.from.key_id, call.body.OptionalString("KeyId"));
  SR_TRY(CryptoOptions options, ParseCryptoOptions(call));
  r.dry_run = options.dry_run;
  SR_TRY(r.ignore_ciphertext, IgnoresCiphertext(call, r.dry_run, r.from.key_id.has_value(), "keyId"));
  if (!r.ignore_ciphertext) {
    SR_TRY(r.from.blob, call.body.RequiredBlob("CiphertextBlob"));
  }
  SR_TRY(r.from.algorithm, call.body.StringOr("EncryptionAlgorithm", "SYMMETRIC_DEFAULT"));
  r.from.context = std::move(options.context);
  r.from.canonical_context = std::move(options.canonical_context);
  return r;
}

/// DryRun that ignores the ciphertext: permission is all that is judged.
Task<Result<aws::Reply>> JudgePermission(Kms& kms, aws::Call& call, const Ciphertext& from) {
  SR_CO_TRY(Resolved resolved, co_await ResolveKey(kms, call, *from.key_id, IdForms::kAll));
  if (resolved.key == nullptr) co_return std::move(resolved.missing);
  SR_CO_CHECK(co_await AuthorizeOnKey(kms, call, resolved.key, call.iam_action, &from.context));
  co_return DryRunPassed();
}

Task<Result<aws::Reply>> Decrypt(Kms& kms, aws::Call& call) {
  SR_CO_TRY(Request r, Parse(call));
  // Conditions on who receives the plaintext count for a DryRun as well.
  SR_CO_TRY(const auto recipient, TakeRecipient(kms, call));
  if (r.ignore_ciphertext) co_return co_await JudgePermission(kms, call, r.from);
  const auto blob = ParseBlob(r.from.blob);
  const ParsedBlob* const parsed = blob.ok() ? &*blob : nullptr;
  SR_CO_TRY(KeyPtr found, co_await FindSourceKey(kms, call, r.from, parsed));
  const auto used = co_await UseKnownKey(kms, call, std::move(found), kSourceRules, &r.from.context);
  if (!used.ok()) co_return SourceRefused(r.from, used.error());
  const UsableKey& usable = *used;
  const Key& key = *usable.key;
  SR_CO_TRY(const KeyMaterial* const material, CheckSource(r.from, key, parsed));
  SecretBuffer plaintext;
  if (key.symmetric()) {
    SR_CO_TRY(plaintext, co_await usable.store(kms).Open(key, *material, blob->header_bytes, r.from.canonical_context,
                                                         blob->sealed));
  } else {
    SR_CO_TRY(plaintext, co_await usable.store(kms).Decrypt(key, r.from.algorithm, r.from.blob));
  }
  if (r.dry_run) co_return DryRunPassed();
  aws::Reply reply;
  reply.Text("KeyId", key.arn);
  SR_CO_CHECK(AddSecret(reply, recipient, "Plaintext", std::move(plaintext)));
  reply.Text("EncryptionAlgorithm", std::move(r.from.algorithm));
  AddMaterialId(call, reply, recipient, key.MaterialIdText(*material));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::decrypt = {
    .target = "TrentService.Decrypt", .iam_action = "kms:Decrypt", .handler = aws::Bind<Kms, &Decrypt>};

}  // namespace strongroom::kms
