// Source: AWS KMS API Reference, "DeriveSharedSecret"; spec/kms.md 3.6.
#include "crypto/kms_algorithms.h"
#include "kms/attestation/recipient.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

/// The other side's key is one of this key's curve, and a point on it. Errors: kInvalidArgument, without a text for
/// what is no public key at all.
Status RequirePeer(const Key& key, const Bytes& peer) {
  const auto parsed = crypto::PublicKey::FromSpki(peer);
  const crypto::KmsSpec* spec = crypto::FindKmsSpec(key.row.spec);
  if (parsed.ok() && spec != nullptr && spec->pair == parsed->spec()) return {};
  if (!parsed.ok() && parsed.error().code() != Errc::kUnsupported) return Error(Errc::kInvalidArgument, "");
  return Error(Errc::kInvalidArgument, "The public key is not of the key spec " + key.row.spec + ".");
}

Task<Result<aws::Reply>> DeriveSharedSecret(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_TRY(const std::string algorithm, call.body.RequiredString("KeyAgreementAlgorithm"));
  SR_CO_TRY(const Bytes peer, call.body.RequiredBlob("PublicKey"));
  SR_CO_TRY(const bool dry_run, call.body.BoolOr("DryRun", false));
  SR_CO_TRY(const auto recipient, TakeRecipient(kms, call));
  const KeyRules rules{.states = kUsable, .usage = "KEY_AGREEMENT"};
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  SR_CO_CHECK(RequireAlgorithm(*usable.key, algorithm));
  SR_CO_CHECK(RequirePeer(*usable.key, peer));
  if (dry_run) co_return DryRunPassed();
  SR_CO_TRY(SecretBuffer shared, co_await usable.store(kms).DeriveSharedSecret(*usable.key, algorithm, peer));
  aws::Reply reply;
  reply.Text("KeyId", usable.key->arn);
  SR_CO_CHECK(AddSecret(reply, recipient, "SharedSecret", std::move(shared)));
  reply.Text("KeyAgreementAlgorithm", algorithm).Text("KeyOrigin", std::string(Name(usable.key->row.origin)));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::derive_shared_secret = {.target = "TrentService.DeriveSharedSecret",
                                                           .iam_action = "kms:DeriveSharedSecret",
                                                           .handler = aws::Bind<Kms, &DeriveSharedSecret>};

}  // namespace strongroom::kms
