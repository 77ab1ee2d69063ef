#pragma once

#include <string>
#include <string_view>

#include "hsm/session/engine.h"
#include "hsm/session/session.h"
#include "token_keys.pb.h"

namespace strongroom::hsm {

// What the commands on KMS's keys other than SYMMETRIC_DEFAULT have in common.

/// KMS signs 1 to 4,096 bytes, and computes MACs over as many. Errors: kInvalidArgument.
Status RequireMessageSize(const SecretBuffer& message);

struct SignatureUse {
  crypto::SignatureScheme scheme;
  crypto::MessageForm form;
};
/// Errors: kWrongKeyUsage when the algorithm is not the key's; kInvalidArgument when it takes no such message.
Result<SignatureUse> ReadSignatureUse(const TokenKey& key, std::string_view algorithm, std::string_view message_type,
                                      const SecretBuffer& message);

/// The MAC over segment 0 of the request. Errors: as Vault::Key, RequireMessageSize and RequireAlgorithm.
Result<Bytes> MacOf(Call& call, const proto::KeyRef& ref, std::string_view algorithm);

/// RSA or SM2 encryption on a worker. Errors: as Vault::Key; kInvalidArgument, in KMS's words, when the plaintext is
/// too long.
Task<Result<Bytes>> EncryptFor(Engine& engine, KeyUser user, const proto::KeyRef& ref, std::string_view algorithm,
                               SecretBuffer plaintext);
/// Errors: as Vault::Key; kBadCiphertext with one text for everything that can be wrong.
Task<Result<SecretBuffer>> DecryptFor(Engine& engine, KeyUser user, const proto::KeyRef& ref,
                                      std::string_view algorithm, const std::string& ciphertext);

}  // namespace strongroom::hsm
