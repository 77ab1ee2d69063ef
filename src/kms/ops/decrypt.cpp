// Source: AWS KMS API Reference, "Decrypt"; spec/kms.md 3.1.
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

struct Request {
  Bytes blob;
  std::optional<std::string> key_id;
  CryptoOptions options;
};

Result<Request> Parse(const aws::Call& call) {
  Request r;
  if (!call.body.Has("CiphertextBlob"))
    return Error(Errc::kInvalidArgument,
                 "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy "
                 "constraint: Member must not be null");
  if (call.body.Has("DryRunModifiers")) return Error(Errc::kUnsupported, "This deployment knows no DryRunModifiers.");
  SR_TRY(r.blob, call.body.RequiredBlob("CiphertextBlob"));
  SR_TRY(r.key_id, call.body.OptionalString("KeyId"));
  SR_TRY(r.options, ParseCryptoOptions(call));
  return r;
}

Error NotYours() {
  return Error(Errc::kAccessDenied,
               "The ciphertext refers to a customer master key that does not exist, does not exist in "
               "this region, or you are not allowed to access.");
}

/// The key that made the blob: named by it, and by the request if that names one.
Task<Result<KeyPtr>> FindKey(Kms& kms, const aws::Call& call, const Request& r, const ParsedBlob* blob) {
  if (!r.key_id) {
    if (blob == nullptr) co_return Error(Errc::kBadCiphertext, "");
    KeyPtr key = kms.keys().Warm(blob->header.account, call.region, blob->header.key_id);
    if (key == nullptr) {
      SR_CO_TRY(key, co_await kms.keys().Find(blob->header.account, std::string(call.region), blob->header.key_id));
    }
    if (key == nullptr) co_return NotYours();
    co_return key;
  }
  SR_CO_TRY(Resolved resolved, co_await ResolveKey(kms, call, *r.key_id, IdForms::kAll));
  if (resolved.key == nullptr) co_return std::move(resolved.missing);
  const KeyRow& row = resolved.key->row;
  if (blob != nullptr && row.account == blob->header.account && row.key_id == blob->header.key_id)
    co_return std::move(resolved.key);
  // Who may not use the key does not learn what it fits.
  SR_CO_CHECK(AuthorizeCall(kms, call, resolved.key.get(), &r.options.context));
  if (blob == nullptr) co_return Error(Errc::kBadCiphertext, "");
  co_return Error(Errc::kIncorrectKey,
                  "The key ID in the request does not identify a CMK that can perform this operation.");
}

Task<Result<aws::Reply>> Decrypt(Kms& kms, aws::Call& call) {
  SR_CO_TRY(const Request r, Parse(call));
  const auto blob = ParseBlob(r.blob);
  const ParsedBlob* const parsed = blob.ok() ? &*blob : nullptr;
  SR_CO_TRY(KeyPtr key, co_await FindKey(kms, call, r, parsed));
  const KeyRules rules{.states = kOnlyEnabled, .symmetric = true};
  auto used = co_await UseKnownKey(kms, call, std::move(key), rules, &r.options.context);
  if (!used.ok()) {
    // Without a KeyId, "exists but not yours" and "does not exist" look alike.
    if (!r.key_id && used.error().code() == Errc::kAccessDenied) co_return NotYours();
    co_return std::move(used).error();
  }
  const UsableKey& usable = *used;
  SR_CO_TRY(const std::string algorithm, call.body.StringOr("EncryptionAlgorithm", "SYMMETRIC_DEFAULT"));
  SR_CO_CHECK(RequireAlgorithm(*usable.key, algorithm));
  if (blob->header.store != usable.key->store()) co_return Error(Errc::kBadCiphertext, "");
  SR_CO_TRY(SecretBuffer plaintext, co_await usable.store(kms).Open(*usable.key, blob->header_bytes,
                                                                    r.options.canonical_context, blob->sealed));
  SR_CO_CHECK(StopIfDryRun(r.options));
  aws::Reply reply;
  reply.Text("KeyId", usable.key->arn).Secret("Plaintext", std::move(plaintext)).Text("EncryptionAlgorithm", algorithm);
  if (!usable.key->row.material_id.empty()) reply.Text("KeyMaterialId", usable.key->row.material_id);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::decrypt = {
    .target = "TrentService.Decrypt", .iam_action = "kms:Decrypt", .handler = aws::Bind<Kms, &Decrypt>};

}  // namespace strongroom::kms
