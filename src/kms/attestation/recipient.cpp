#include "kms/attestation/recipient.h"

#include "crypto/envelope.h"

namespace strongroom::kms {
namespace {

/// As AWS names them. Source: AWS KMS Developer Guide, "Monitoring requests for Nitro enclaves".
ports::AuditEvent::Texts Shown(const AttestedRecipient& recipient) {
  ports::AuditEvent::Texts shown{{"attestationDocumentModuleId", recipient.module_id}};
  for (const auto& [number, value] : recipient.pcrs)
    shown.emplace_back(number == 0 ? "attestationDocumentEnclaveImageDigest"
                                   : "attestationDocumentEnclavePCR" + std::to_string(number),
                       value);
  return shown;
}

}  // namespace

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
  call.AuditData("recipient", Shown(*recipient));
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

void AddMaterialId(aws::Call& call, aws::Reply& reply, const std::optional<AttestedRecipient>& recipient,
                   std::string_view material_id) {
  if (material_id.empty()) return;
  if (recipient) {
    call.AuditData("keyMaterialId", std::string(material_id));
  } else {
    reply.Text("KeyMaterialId", std::string(material_id));
  }
}

}  // namespace strongroom::kms
