#pragma once

#include <memory>
#include <optional>

#include "crypto/kms_algorithms.h"
#include "hsm/vault/token.h"

namespace strongroom::hsm {

/// A key of KMS that signs, computes MACs, agrees on secrets or does asymmetric encryption, ready for work.
/// Secrets   an HMAC key is in locked memory; a pair is OpenSSL's, which wipes it when the last of its copies goes.
/// Threads   const use from any, so a worker keeps it while the cache lets it go.
struct TokenKey {
  const crypto::KmsSpec* spec = nullptr;
  std::optional<crypto::PrivateKey> pair;  // asymmetric specs
  SecretBuffer secret;                     // HMAC specs
};
using TokenKeyPtr = std::shared_ptr<const TokenKey>;

/// Whether a binding names a key of this usage that its spec has. Errors: kWrongKeyUsage.
Result<const crypto::KmsSpec*> RequireBound(const Binding& binding, crypto::KmsUsage usage);

/// The material of an opened token is what its spec says: a pair of that kind, or so many bytes.
/// Errors: kWrongKeyUsage, kUnsupported; kBadCiphertext for material that is no such key.
Result<TokenKeyPtr> MakeTokenKey(const crypto::KmsSpec& spec, OpenedToken opened);

/// The algorithm of that name. Errors: kWrongKeyUsage when the spec or the usage has it not.
Result<const crypto::KmsAlgorithm*> RequireAlgorithm(const TokenKey& key, std::string_view name,
                                                     crypto::KmsUsage usage);

}  // namespace strongroom::hsm
