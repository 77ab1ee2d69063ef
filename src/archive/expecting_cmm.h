#pragma once

#include <optional>

#include "encryption_sdk/cmm.h"

namespace strongroom::archive {

/// What a message's header must say before its data key is asked for.
struct Expectation {
  encryption_sdk::EncryptionContext context;      // entries that must be there
  bool nothing_else = false;                      // and no other ones but the SDK's public key
  std::optional<crypto::Sha256Digest> data_keys;  // DigestOf its encrypted data keys
};

/// Reads like `inner`, which must outlive it, but asks it for no data key unless the header is as expected: an altered
/// header is damage of its object then, and never KMS's refusal.
/// Errors: ContextMismatch for the context, HeaderAuthenticationFailed for the encrypted data keys.
class ExpectingCmm final : public encryption_sdk::Cmm {
 public:
  ExpectingCmm(encryption_sdk::Cmm& inner, Expectation expected) : inner_(inner), expected_(std::move(expected)) {}
  Result<encryption_sdk::EncryptionMaterials> ForEncryption(const encryption_sdk::EncryptionRequest& request) override;
  Result<encryption_sdk::DecryptionMaterials> ForDecryption(const encryption_sdk::DecryptionRequest& request) override;

 private:
  encryption_sdk::Cmm& inner_;
  const Expectation expected_;
};

}  // namespace strongroom::archive
