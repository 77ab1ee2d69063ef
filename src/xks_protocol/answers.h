#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "xks_protocol/integrity.h"

namespace strongroom::xks {

enum class Health : std::uint8_t { kActive, kDegraded, kUnavailable };
std::string_view Name(Health health) noexcept;

struct HealthAnswer {
  std::int64_t proxy_fleet_size = 1;
  std::string proxy_vendor, proxy_model, ekm_vendor;
  struct Manager {
    std::string id, model;
    Health health = Health::kActive;
  };
  std::vector<Manager> managers;  // 1 to kMostFleetMembers
  bool all_unavailable() const noexcept;
};
struct KeyMetadataAnswer {
  std::string key_spec;                // "AES_256"
  std::vector<std::string> key_usage;  // "ENCRYPT", "DECRYPT", …; at most kMostKeyUsages
  std::string key_status;              // "ENABLED" or "DISABLED"
};
struct EncryptAnswer {
  Bytes ciphertext, iv, tag;
  Bytes metadata;  // empty when there is none
  CiphertextParts parts() const noexcept { return {ciphertext, iv, tag, metadata}; }
};

// KMS's side: bodies of answers with status 200. Errors of all: kCorrupted for what is not JSON, lacks a member, or has
// one of a wrong type, size or form; the text names the member and fits the operator's log.

Result<HealthAnswer> ParseHealthAnswer(std::string_view body);
Result<KeyMetadataAnswer> ParseKeyMetadataAnswer(std::string_view body);
/// The ciphertext must be as long as what was sent, and the integrity value must be there and be right for `aad`.
Result<EncryptAnswer> ParseEncryptAnswer(std::string_view body, std::size_t plaintext_bytes, ByteView aad);
/// Must be as long as the ciphertext. What KMS sent was encrypted by KMS, so the plaintext is no secret here.
Result<Bytes> ParseDecryptAnswer(std::string_view body, std::size_t ciphertext_bytes);

// The proxy's side. A Decrypt answer, {"plaintext": base64}, is written by whoever holds the plaintext in a
// SecretBuffer (aws::Reply does).

std::string WriteHealthAnswer(const HealthAnswer& answer);
std::string WriteKeyMetadataAnswer(const KeyMetadataAnswer& answer);
/// The integrity value is computed here, for the `aad` of the request.
std::string WriteEncryptAnswer(const EncryptAnswer& answer, bool with_integrity, ByteView aad);

}  // namespace strongroom::xks
