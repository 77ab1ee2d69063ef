#include "encryption_sdk/internal/cmm_rules.h"

#include "encryption_sdk/errors.h"

namespace strongroom::encryption_sdk::internal {

Status CheckCallersContext(const EncryptionContext& context) {
  for (const auto& [key, value] : context) {
    if (!key.starts_with(kReservedPrefix)) continue;
    return MakeError(ErrorCode::kReservedContextKey,
                     "Names of the encryption context that begin with aws-crypto- belong to the format; use others.");
  }
  return {};
}

Status CheckMayEncrypt(CommitmentPolicy policy, SuiteId suite) {
  if (MayEncrypt(policy, SuiteOf(suite))) return {};
  return MakeError(ErrorCode::kCommitmentPolicyViolation,
                   fmt::format("The commitment policy does not allow writing algorithm suite {:04x}.",
                               static_cast<std::uint16_t>(suite)));
}

Status CheckMayDecrypt(CommitmentPolicy policy, SuiteId suite) {
  if (MayDecrypt(policy, SuiteOf(suite))) return {};
  return MakeError(ErrorCode::kCommitmentPolicyViolation,
                   fmt::format("The message's algorithm suite {:04x} does not commit to its key, and the commitment "
                               "policy does not allow reading such messages.",
                               static_cast<std::uint16_t>(suite)));
}

Status CheckReproduced(const EncryptionContext& stored, const EncryptionContext& reproduced) {
  for (const auto& [key, value] : reproduced) {
    const auto found = stored.find(key);
    if (found == stored.end() || found->second == value) continue;
    return MakeError(
        ErrorCode::kContextMismatch,
        fmt::format("The message's encryption context has another value for \"{}\" than is expected.", key));
  }
  return {};
}

Result<SuiteId> SuiteFor(const EncryptionRequest& request) {
  const SuiteId suite = request.suite.value_or(DefaultSuite(request.policy));
  SR_CHECK(CheckMayEncrypt(request.policy, suite));
  return suite;
}

}  // namespace strongroom::encryption_sdk::internal
