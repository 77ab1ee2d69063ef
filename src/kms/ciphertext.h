#pragma once

#include "kms/blob/blob.h"
#include "kms/pipeline.h"

namespace strongroom::kms {

// What Decrypt and the source side of ReEncrypt have in common, and both sides' way of encrypting.

/// The ciphertext that a request brings, with what it says of it.
struct Ciphertext {
  Bytes blob;  // empty when a DryRun ignores it
  std::optional<std::string> key_id;
  std::string algorithm;
  EncryptionContext context;
  Bytes canonical_context;
};

/// Whether DryRunModifiers say that a DryRun has no ciphertext. Errors: kInvalidArgument for modifiers without DryRun,
/// and for a blob or key id that is missing (`key_member` names it as ValidationExceptions do).
Result<bool> IgnoresCiphertext(const aws::Call& call, bool dry_run, bool has_key_id, std::string_view key_member);

/// The key that made the blob: named by it, and by the request if that names one. `blob` is null for what is none of
/// ours, which only an asymmetric key that is named can have made. Errors: kBadCiphertext; kIncorrectKey; kNotFound;
/// kAccessDenied, also for a key that the caller may not know of.
Task<Result<KeyPtr>> FindSourceKey(Kms& kms, aws::Call& call, const Ciphertext& from, const ParsedBlob* blob);
/// What is asked of that key next.
inline constexpr KeyRules kSourceRules{.states = kUsable, .usage = "ENCRYPT_DECRYPT"};
/// The answer when it may not be used. Without a KeyId, "exists but not yours" and "does not exist" look alike.
Error SourceRefused(const Ciphertext& from, Error why);
/// And what comes after that: the material that made the ciphertext. Errors: kWrongKeyUsage for the algorithm;
/// kInvalidArgument for an encryption context with an asymmetric key; kBadCiphertext.
Result<const KeyMaterial*> CheckSource(const Ciphertext& from, const Key& key, const ParsedBlob* blob);

/// An asymmetric key takes no encryption context. Errors: kInvalidArgument.
Status RequireNoContext(const Key& key, const EncryptionContext& context);
/// What an asymmetric key can encrypt. Errors: kInvalidArgument, naming algorithm, spec and limit.
Status RequirePlaintextFits(const Key& key, const std::string& algorithm, std::size_t bytes);

}  // namespace strongroom::kms
