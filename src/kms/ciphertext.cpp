#include "kms/ciphertext.h"

#include "crypto/kms_algorithms.h"

namespace strongroom::kms {
namespace {

Error MissingMember(std::string_view member) {
  return Error(Errc::kInvalidArgument, "1 validation error detected: Value null at '" + std::string(member) +
                                           "' failed to satisfy constraint: Member must not be null");
}

Error NotYours() {
  return Error(Errc::kAccessDenied,
               "The ciphertext refers to a customer master key that does not exist, does not exist in "
               "this region, or you are not allowed to access.");
}

/// The key as the database has it, where the cached one has not the material: another front end may have rotated it
/// since, and its ciphertexts come here before the news does.
Task<Result<KeyPtr>> WithMaterial(Kms& kms, KeyPtr key, const ParsedBlob* blob) {
  if (blob == nullptr || blob->header.key_id != key->row.key_id || key->Find(blob->header.material) != nullptr)
    co_return key;
  SR_CO_TRY(KeyPtr fresh, co_await kms.keys().Reread(key->row.account, key->row.region, key->row.key_id));
  co_return fresh ? std::move(fresh) : std::move(key);
}

}  // namespace

Result<bool> IgnoresCiphertext(const aws::Call& call, bool dry_run, bool has_key_id, std::string_view key_member) {
  bool ignores = false;
  if (call.body.Has("DryRunModifiers")) {
    SR_TRY(const auto modifiers, call.body.StringList("DryRunModifiers"));
    ignores = !modifiers.empty();  // the model knows one
    if (ignores && !dry_run) return Error(Errc::kInvalidArgument, "DryRunModifiers is valid only when DryRun is true.");
  }
  if (ignores ? has_key_id : call.body.Has("CiphertextBlob")) return ignores;
  return MissingMember(ignores ? key_member : "ciphertextBlob");
}

Task<Result<KeyPtr>> FindSourceKey(Kms& kms, aws::Call& call, const Ciphertext& from, const ParsedBlob* blob) {
  if (!from.key_id) {
    if (blob == nullptr) co_return Error(Errc::kBadCiphertext, "");
    KeyPtr key = kms.keys().Warm(blob->header.account, call.region, blob->header.key_id);
    if (key == nullptr) {
      SR_CO_TRY(key, co_await kms.keys().Find(blob->header.account, std::string(call.region), blob->header.key_id));
    }
    if (key == nullptr) co_return NotYours();
    if (key->Find(blob->header.material) != nullptr) co_return key;
    co_return co_await WithMaterial(kms, std::move(key), blob);
  }
  SR_CO_TRY(Resolved resolved, co_await ResolveKey(kms, call, *from.key_id, IdForms::kAll));
  if (resolved.key == nullptr) co_return std::move(resolved.missing);
  const KeyRow& row = resolved.key->row;
  const bool made_it = blob != nullptr && row.account == blob->header.account && row.key_id == blob->header.key_id;
  if (made_it) co_return co_await WithMaterial(kms, std::move(resolved.key), blob);
  // Made under an asymmetric key, or noise: which of them is seen after the key's state.
  if (blob == nullptr) co_return std::move(resolved.key);
  // Who may not use the key does not learn what it fits.
  SR_CO_CHECK(co_await AuthorizeOnKey(kms, call, resolved.key, call.iam_action, &from.context));
  co_return Error(Errc::kIncorrectKey,
                  "The key ID in the request does not identify a CMK that can perform this operation.");
}

Error SourceRefused(const Ciphertext& from, Error why) {
  return !from.key_id && why.code() == Errc::kAccessDenied ? NotYours() : why;
}

Result<const KeyMaterial*> CheckSource(const Ciphertext& from, const Key& key, const ParsedBlob* blob) {
  SR_CHECK(RequireAlgorithm(key, from.algorithm));
  SR_CHECK(RequireNoContext(key, from.context));
  if (!key.symmetric()) return &key.current();
  if (blob == nullptr || blob->header.store != key.store()) return Error(Errc::kBadCiphertext, "");
  const KeyMaterial* const material = key.Find(blob->header.material);
  if (material == nullptr) return Error(Errc::kBadCiphertext, "");
  return material;
}

Status RequireNoContext(const Key& key, const EncryptionContext& context) {
  if (key.symmetric() || context.empty()) return {};
  return Error(Errc::kInvalidArgument, "An encryption context is valid with symmetric encryption keys only.");
}

Status RequirePlaintextFits(const Key& key, const std::string& algorithm, std::size_t bytes) {
  const crypto::KmsSpec* spec = crypto::FindKmsSpec(key.row.spec);
  const crypto::KmsAlgorithm* known = crypto::FindKmsAlgorithm(algorithm);
  if (key.symmetric() || spec == nullptr || known == nullptr) return {};
  return RequirePlaintextSize(*spec, *known, bytes);
}

}  // namespace strongroom::kms
