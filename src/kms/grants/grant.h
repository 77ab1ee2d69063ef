#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kms/blob/context.h"

namespace strongroom::kms {

/// What a grant can allow, in the model's order.
inline constexpr std::array<std::string_view, 17> kGrantOperations{"Decrypt",
                                                                   "Encrypt",
                                                                   "GenerateDataKey",
                                                                   "GenerateDataKeyWithoutPlaintext",
                                                                   "ReEncryptFrom",
                                                                   "ReEncryptTo",
                                                                   "Sign",
                                                                   "Verify",
                                                                   "GetPublicKey",
                                                                   "CreateGrant",
                                                                   "RetireGrant",
                                                                   "DescribeKey",
                                                                   "GenerateDataKeyPair",
                                                                   "GenerateDataKeyPairWithoutPlaintext",
                                                                   "GenerateMac",
                                                                   "VerifyMac",
                                                                   "DeriveSharedSecret"};

/// A set of them: bit i stands for kGrantOperations[i].
using OperationSet = std::uint32_t;
/// The set of this one operation; empty for what no grant can allow.
constexpr OperationSet OperationBit(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kGrantOperations.size(); ++i)
    if (kGrantOperations[i] == name) return OperationSet{1} << i;
  return 0;
}
OperationSet OperationsOf(const std::vector<std::string>& names) noexcept;
/// Operations with an encryption context: a grant's constraints count for these alone (spec/kms.md 6.2).
inline constexpr OperationSet kContextOperations =
    OperationBit("Decrypt") | OperationBit("Encrypt") | OperationBit("GenerateDataKey") |
    OperationBit("GenerateDataKeyWithoutPlaintext") | OperationBit("ReEncryptFrom") | OperationBit("ReEncryptTo") |
    OperationBit("GenerateDataKeyPair") | OperationBit("GenerateDataKeyPairWithoutPlaintext");
/// What fits a key of this spec and usage.
OperationSet OperationsFor(std::string_view spec, std::string_view usage) noexcept;

struct GrantConstraints {
  std::optional<EncryptionContext> equals, subset;

  bool none() const noexcept { return !equals && !subset; }
  /// Keys and values exact and with regard to case.
  bool Hold(const EncryptionContext& context) const;
  /// Whatever these let through, `outer` lets through, too.
  bool AtLeastAsStrictAs(const GrantConstraints& outer) const;
};

struct Grant {
  std::string account, region, key_id;  // of the key
  std::string grant_id;                 // 64 hex digits
  std::string name;                     // empty when it has none
  std::int64_t created_millis = 0;
  std::string grantee;
  std::optional<std::string> retiring_principal;
  /// Unique ids of those two where they are users and roles, as they were when the grant was made: who is made anew
  /// under a name is somebody else. Empty: matched by name.
  std::string grantee_id, retiring_id;
  std::string issuing_account;          // in which it was made
  std::vector<std::string> operations;  // in the request's order
  GrantConstraints constraints;

  /// Does it allow `operation` (one bit) with this context?
  bool Allows(OperationSet operation, const EncryptionContext& context) const;
  /// By what the grantee is looked for: its unique id, or the ARN of one that has none.
  const std::string& GranteeKey() const noexcept { return grantee_id.empty() ? grantee : grantee_id; }
  std::string KeyArn() const { return "arn:aws:kms:" + region + ":" + account + ":key/" + key_id; }
};

/// 64 lower-case hex digits.
bool IsGrantId(std::string_view text) noexcept;

}  // namespace strongroom::kms
