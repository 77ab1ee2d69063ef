#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/hash.h"
#include "crypto/key_pair.h"

namespace strongroom::crypto {

// KMS's names of key specs, usages and algorithms, and what they are here: one table for the service, which refuses
// what does not fit, and for the HSM, which refuses it again. Source: KMS API Reference, CreateKey and Sign;
// spec/kms.md 2.2.

enum class KmsUsage : std::uint8_t { kEncryptDecrypt, kSignVerify, kGenerateVerifyMac, kKeyAgreement };
std::string_view Name(KmsUsage usage) noexcept;
std::optional<KmsUsage> FindKmsUsage(std::string_view name) noexcept;

struct KmsAlgorithm {
  std::string_view name;
  KmsUsage usage = KmsUsage::kEncryptDecrypt;
  std::optional<SignatureScheme> scheme{};  // SIGN_VERIFY
  std::optional<Digest> digest{};           // MACs
  std::optional<OaepHash> oaep{};           // RSA encryption
  /// Message types it takes, and the bytes of a message that is not RAW.
  bool raw = false, is_digest = false, external_mu = false;
  std::size_t digest_bytes = 0;
};
/// Null for every other text.
const KmsAlgorithm* FindKmsAlgorithm(std::string_view name) noexcept;

struct KmsSpec {
  std::string_view name;
  std::optional<KeySpec> pair{};  // asymmetric specs
  std::size_t secret_bytes = 0;   // the others: bytes of material
  std::uint32_t algorithms = 0;   // bits, in the order of the table of algorithms

  bool Has(const KmsAlgorithm& algorithm) const noexcept;
  /// Those of a usage, in the order in which KeyMetadata lists them; empty when the spec has not that usage.
  std::vector<std::string> AlgorithmsFor(KmsUsage usage) const;
  bool Allows(KmsUsage usage) const noexcept;
};
const KmsSpec* FindKmsSpec(std::string_view name) noexcept;
std::span<const KmsSpec> AllKmsSpecs() noexcept;

/// RAW, DIGEST, EXTERNAL_MU.
std::optional<MessageForm> FindMessageForm(std::string_view name) noexcept;
std::string_view Name(MessageForm form) noexcept;
/// How a message of this type and size is given to Sign and Verify: for Ed25519ph KMS's DIGEST is itself the message.
/// Errors: kInvalidArgument, in KMS's words, when the algorithm takes no such message.
Result<MessageForm> FormFor(const KmsAlgorithm& algorithm, MessageForm form, std::size_t message_bytes);

/// Most plaintext bytes of an asymmetric encryption.
std::size_t MaxPlaintextBytes(const KmsSpec& spec, const KmsAlgorithm& algorithm) noexcept;
/// kInvalidArgument, in KMS's words, when there are more.
Status RequirePlaintextSize(const KmsSpec& spec, const KmsAlgorithm& algorithm, std::size_t bytes);

}  // namespace strongroom::crypto
