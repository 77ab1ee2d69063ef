#pragma once

#include <optional>

#include "aws/dispatch/operation.h"
#include "kms/attestation/verifier.h"
#include "kms/service.h"

namespace strongroom::kms {

/// The request's Recipient, verified; none when it has none. Its condition keys go to the call, so this comes before
/// authorisation, and what its document measures goes to the audit trail, also of calls that are refused then.
/// Errors    kInvalidArgument when it is incomplete or its document is refused; kUnsupported when this deployment
/// trusts
///           no attestation root.
/// Source    AWS KMS API Reference, "RecipientInfo"; spec/kms.md 3.8.
Result<std::optional<AttestedRecipient>> TakeRecipient(Kms& kms, aws::Call& call);

/// Adds the secret to the answer: as `member`, or as CiphertextForRecipient, which the recipient alone can open.
Status AddSecret(aws::Reply& reply, const std::optional<AttestedRecipient>& recipient, std::string_view member,
                 secret::SecretBuffer secret);

/// Adds KeyMaterialId, unless it is empty. An answer for a recipient has none: then the audit trail alone is told.
void AddMaterialId(aws::Call& call, aws::Reply& reply, const std::optional<AttestedRecipient>& recipient,
                   std::string_view material_id);

}  // namespace strongroom::kms
