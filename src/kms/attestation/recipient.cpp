#include "kms/attestation/recipient.h"

#include "crypto/envelope.h"

namespace strongroom::kms {

Result<std::optional<AttestedRecipient>> TakeRecipient(Kms& kms, aws::Call& call) {
  std::optional<AttestedRecipient> recipient;
  SR_TRY(const auto member, call.body.OptionalObject("Recipient"));
  if (!member) return recipient;
  // The model knows one KeyEncryptionAlgorithm.
  if (!member->Has("KeyEncryptionAlgorithm") || !member->Has("AttestationDocument"))
    return Error(Errc::kInvalidArgument, "Recipient needs KeyEncryptionAlgorithm and AttestationDocument.");
  if (kms.attestation() == nullptr)
    return Error(Errc::kUnsupported,
                 "This deployment trusts no attestation root; its operator sets attestation_roots in section [kms].");
  SR_TRY(const Bytes document, member->RequiredBlob("AttestationDocument"));
  SR_TRY(recipient, kms.attestation()->Verify(document, call.time));
  call.conditions = recipient->conditions;
  return recipient;
}

Status AddSecret(aws::Reply& reply, const std::optional<AttestedRecipient>& recipient, std::string_view member,
                 secret::SecretBuffer secret) {
  if (!recipient) {
    reply.Secret(member, std::move(secret));
    return {};
  }
  SR_TRY(Bytes sealed, crypto::SealEnvelope(recipient->key, secret));
  reply.Blob("CiphertextForRecipient", std::move(sealed));
  return {};
}

}  // namespace strongroom::kms
