// Source: AWS KMS API Reference, "ReEncrypt"; spec/kms.md 3.2, 3.9. The plaintext stays in the HSM when both keys are
// in one cluster. Otherwise no HSM has both: it passes through this process, in locked memory.
#include "kms/ciphertext.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

constexpr std::string_view kTo = "kms:ReEncryptTo";
constexpr std::string_view kSymmetric = "SYMMETRIC_DEFAULT";

struct Destination {
  std::string key_id, algorithm;
  EncryptionContext context;
  Bytes canonical_context;
};
struct Request {
  Ciphertext from;
  Destination to;
  bool dry_run = false, ignore_ciphertext = false;
};

Result<Request> Parse(const aws::Call& call) {
  Request r;
  SR_TRY(r.to.key_id, call.body.RequiredString("DestinationKeyId"));
  SR_TRY(r.from.key_id, call.body.OptionalString("SourceKeyId"));
  SR_TRY(r.dry_run, call.body.BoolOr("DryRun", false));
  SR_TRY(r.ignore_ciphertext, IgnoresCiphertext(call, r.dry_run, r.from.key_id.has_value(), "sourceKeyId"));
  if (!r.ignore_ciphertext) {
    SR_TRY(r.from.blob, call.body.RequiredBlob("CiphertextBlob"));
  }
  SR_TRY(r.from.algorithm, call.body.StringOr("SourceEncryptionAlgorithm", kSymmetric));
  SR_TRY(r.to.algorithm, call.body.StringOr("DestinationEncryptionAlgorithm", kSymmetric));
  SR_TRY(r.from.context, call.body.StringMap("SourceEncryptionContext"));
  SR_TRY(r.to.context, call.body.StringMap("DestinationEncryptionContext"));
  SR_TRY(r.from.canonical_context, CanonicalContext(r.from.context));
  SR_TRY(r.to.canonical_context, CanonicalContext(r.to.context));
  return r;
}

/// Both permissions can be made to depend on whether the keys are one, so this is known before the first is judged.
/// The destination is resolved once, or an alias could name another key by the time that it is used. What it cannot be
/// resolved for is answered after the source's checks.
Task<Result<Resolved>> ResolveDestination(Kms& kms, aws::Call& call, const Key& source, const Destination& to) {
  auto destination = co_await ResolveKey(kms, call, to.key_id, IdForms::kAll);
  const bool same = destination.ok() && destination->key != nullptr && destination->key->arn == source.arn;
  call.conditions["kms:ReEncryptOnSameKey"] = {same ? "true" : "false"};
  co_return destination;
}

/// DryRun that ignores the ciphertext: permission on both keys is all that is judged.
Task<Result<aws::Reply>> JudgePermission(Kms& kms, aws::Call& call, const Request& r) {
  SR_CO_TRY(Resolved source, co_await ResolveKey(kms, call, *r.from.key_id, IdForms::kAll));
  if (source.key == nullptr) co_return std::move(source.missing);
  auto destination = co_await ResolveDestination(kms, call, *source.key, r.to);
  SR_CO_CHECK(co_await AuthorizeOnKey(kms, call, source.key, call.iam_action, &r.from.context));
  if (!destination.ok()) co_return std::move(destination).error();
  if (destination->key == nullptr) co_return std::move(destination->missing);
  SR_CO_CHECK(co_await AuthorizeOnKey(kms, call, destination->key, kTo, &r.to.context));
  co_return DryRunPassed();
}

struct Source {
  UsableKey usable;
  const KeyMaterial* material = nullptr;  // of that key
  Result<Resolved> destination;           // not judged yet
};

Task<Result<Source>> UseSource(Kms& kms, aws::Call& call, const Request& r, const ParsedBlob* blob) {
  const Ciphertext& from = r.from;
  SR_CO_TRY(KeyPtr key, co_await FindSourceKey(kms, call, from, blob));
  auto destination = co_await ResolveDestination(kms, call, *key, r.to);
  auto used = co_await UseKnownKey(kms, call, std::move(key), kSourceRules, &from.context);
  if (!used.ok()) co_return SourceRefused(from, std::move(used).error());
  SR_CO_TRY(const KeyMaterial* const material, CheckSource(from, *used->key, blob));
  Source source{std::move(*used), material, std::move(destination)};
  co_return source;
}

/// The destination's checks, once those of the source have passed.
Task<Result<UsableKey>> UseDestination(Kms& kms, aws::Call& call, Result<Resolved> destination, const Destination& to) {
  if (!destination.ok()) co_return std::move(destination).error();
  if (destination->key == nullptr) co_return std::move(destination->missing);
  const KeyRules rules{.states = kUsable, .usage = "ENCRYPT_DECRYPT", .action = kTo};
  SR_CO_TRY(UsableKey usable, co_await UseKnownKey(kms, call, std::move(destination->key), rules, &to.context));
  SR_CO_CHECK(RequireAlgorithm(*usable.key, to.algorithm));
  SR_CO_CHECK(RequireNoContext(*usable.key, to.context));
  co_return usable;
}

/// Through this process, for keys in two clusters.
Task<Result<Bytes>> AcrossStores(Kms& kms, const Request& r, const ParsedBlob* blob, const Source& from_source,
                                 const UsableKey& destination) {
  const UsableKey& source = from_source.usable;
  SecretBuffer plaintext;
  KeyStore& from = source.store(kms);
  KeyStore& to = destination.store(kms);
  if (source.key->symmetric()) {
    SR_CO_TRY(plaintext, co_await from.Open(*source.key, *from_source.material, blob->header_bytes,
                                            r.from.canonical_context, blob->sealed));
  } else {
    SR_CO_TRY(plaintext, co_await from.Decrypt(*source.key, r.from.algorithm, r.from.blob));
  }
  SR_CO_CHECK(RequirePlaintextFits(*destination.key, r.to.algorithm, plaintext.size()));
  if (r.dry_run) co_return DryRunPassed();
  if (destination.key->symmetric())
    co_return co_await to.Seal(*destination.key, r.to.canonical_context, std::move(plaintext));
  co_return co_await to.Encrypt(*destination.key, r.to.algorithm, std::move(plaintext));
}

Task<Result<Bytes>> InOneStore(Kms& kms, const Request& r, const ParsedBlob* blob, const Source& from_source,
                               const UsableKey& destination) {
  const UsableKey& source = from_source.usable;
  SealSide from{source.key.get(), from_source.material, r.from.algorithm, {}, r.from.canonical_context};
  ByteView sealed = r.from.blob;
  if (source.key->symmetric()) {
    from.header = blob->header_bytes;
    sealed = blob->sealed;
  }
  const Key& into = *destination.key;
  const SealSide to{&into, &into.current(), r.to.algorithm, into.blob_header, r.to.canonical_context};
  co_return co_await source.store(kms).ReSeal(from, sealed, to);
}

Task<Result<aws::Reply>> ReEncrypt(Kms& kms, aws::Call& call) {
  SR_CO_TRY(const Request r, Parse(call));
  if (r.ignore_ciphertext) co_return co_await JudgePermission(kms, call, r);
  const auto parsed = ParseBlob(r.from.blob);
  const ParsedBlob* const blob = parsed.ok() ? &*parsed : nullptr;
  SR_CO_TRY(Source from_source, co_await UseSource(kms, call, r, blob));
  const UsableKey& source = from_source.usable;
  SR_CO_TRY(const UsableKey destination, co_await UseDestination(kms, call, std::move(from_source.destination), r.to));
  Bytes made;
  if (&source.store(kms) == &destination.store(kms)) {
    SR_CO_TRY(made, co_await InOneStore(kms, r, blob, from_source, destination));
  } else {
    SR_CO_TRY(made, co_await AcrossStores(kms, r, blob, from_source, destination));
  }
  if (r.dry_run) co_return DryRunPassed();
  aws::Reply reply;
  reply.Blob("CiphertextBlob", std::move(made))
      .Text("SourceKeyId", source.key->arn)
      .Text("KeyId", destination.key->arn)
      .Text("SourceEncryptionAlgorithm", r.from.algorithm)
      .Text("DestinationEncryptionAlgorithm", r.to.algorithm);
  const auto material = [&reply](std::string_view name, std::string_view id) {
    if (!id.empty()) reply.Text(name, std::string(id));
  };
  material("SourceKeyMaterialId", source.key->MaterialIdText(*from_source.material));
  material("DestinationKeyMaterialId", destination.key->MaterialIdText(destination.key->current()));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::re_encrypt = {
    .target = "TrentService.ReEncrypt", .iam_action = "kms:ReEncryptFrom", .handler = aws::Bind<Kms, &ReEncrypt>};

}  // namespace strongroom::kms
