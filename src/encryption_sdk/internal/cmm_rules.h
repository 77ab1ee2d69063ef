#pragma once

#include "encryption_sdk/cmm.h"

namespace strongroom::encryption_sdk::internal {

// Checks that every materials manager and the message code share; each is made per call, cached materials or not.

/// Errors: ReservedContextKey.
Status CheckCallersContext(const EncryptionContext& context);
/// Errors: CommitmentPolicyViolation.
Status CheckMayEncrypt(CommitmentPolicy policy, SuiteId suite);
Status CheckMayDecrypt(CommitmentPolicy policy, SuiteId suite);
/// Errors: ContextMismatch naming the entry.
Status CheckReproduced(const EncryptionContext& stored, const EncryptionContext& reproduced);
/// The suite of a request, checked against its policy.
Result<SuiteId> SuiteFor(const EncryptionRequest& request);

}  // namespace strongroom::encryption_sdk::internal
