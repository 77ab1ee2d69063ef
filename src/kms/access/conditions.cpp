#include "kms/access/conditions.h"

#include <fmt/chrono.h>

#include <array>

#include "aws/http/text.h"

namespace strongroom::kms {
namespace {

using ports::ConditionValues;

constexpr std::string_view kContextPrefix = "kms:EncryptionContext:";
constexpr std::string_view kResourceTagPrefix = "aws:ResourceTag/";
constexpr std::string_view kRequestTagPrefix = "aws:RequestTag/";
constexpr std::size_t kMostAliases = 50;

/// A key whose value is a member of the request, as a text.
struct MemberRow {
  std::string_view name, operations, member;
  std::string_view fallback = {};  // seen when the request does not say; empty: the key is absent then
};
constexpr auto kMemberKeys = std::to_array<MemberRow>({
    {"kms:DataKeyPairSpec", "GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext", "KeyPairSpec"},
    {"kms:EncryptionAlgorithm", "Decrypt Encrypt", "EncryptionAlgorithm", "SYMMETRIC_DEFAULT"},
    {"kms:ExpirationModel", "ImportKeyMaterial", "ExpirationModel", "KEY_MATERIAL_EXPIRES"},
    {"kms:GranteePrincipal", "CreateGrant", "GranteePrincipal"},
    {"kms:KeyAgreementAlgorithm", "DeriveSharedSecret", "KeyAgreementAlgorithm"},
    {"kms:MacAlgorithm", "GenerateMac VerifyMac", "MacAlgorithm"},
    {"kms:MessageType", "Sign Verify", "MessageType", "RAW"},
    {"kms:PrimaryRegion", "UpdatePrimaryRegion", "PrimaryRegion"},
    {"kms:ReplicaRegion", "ReplicateKey", "ReplicaRegion"},
    {"kms:RetiringPrincipal", "CreateGrant", "RetiringPrincipal"},
    {"kms:SigningAlgorithm", "Sign Verify", "SigningAlgorithm"},
    {"kms:WrappingAlgorithm", "GetParametersForImport", "WrappingAlgorithm"},
    {"kms:WrappingKeySpec", "GetParametersForImport", "WrappingKeySpec"},
});

struct NumberRow {
  std::string_view name, operations, member;
  std::int64_t fallback;
};
constexpr auto kNumberKeys = std::to_array<NumberRow>({
    {"kms:RotationPeriodInDays", "EnableKeyRotation", "RotationPeriodInDays", 365},
    {"kms:ScheduleKeyDeletionPendingWindowInDays", "ScheduleKeyDeletion", "PendingWindowInDays", 30},
});

/// Operations that make or open ciphertexts without saying an algorithm: there is one.
constexpr std::string_view kOneAlgorithm =
    "GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext";
constexpr std::string_view kLockoutChecked = "CreateKey PutKeyPolicy ReplicateKey";
constexpr std::string_view kForAwsResource = "CreateGrant ListGrants RevokeGrant";
constexpr std::string_view kWithTags = "CreateKey ReplicateKey TagResource";

bool Among(std::string_view operation, std::string_view names) noexcept {
  while (!names.empty()) {
    const std::size_t end = std::min(names.find(' '), names.size());
    if (names.substr(0, end) == operation) return true;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return false;
}

bool AddMember(const aws::Call& call, std::string_view member, std::string_view fallback, ConditionValues& values) {
  if (const auto given = call.body.RequiredView(member); given.ok()) {
    values.Add(*given);
    return true;
  }
  if (fallback.empty()) return false;
  values.Add(fallback);
  return true;
}

bool AddBool(bool value, ConditionValues& values) {
  values.Add(value ? "true" : "false");
  return true;
}

bool AddFlag(const aws::Call& call, std::string_view member, ConditionValues& values) {
  const auto flag = call.body.BoolOr(member, false);
  return AddBool(flag.ok() && *flag, values);
}

/// ISO 8601 in UTC, as conditions on dates compare it.
bool AddValidTo(const aws::Call& call, ConditionValues& values) {
  const auto valid_to = call.body.OptionalTimestamp("ValidTo");
  if (!valid_to.ok() || !*valid_to) return false;
  values.Keep(fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                          fmt::gmtime(std::chrono::system_clock::to_time_t(
                              std::chrono::time_point_cast<std::chrono::system_clock::duration>(**valid_to)))));
  return true;
}

/// What the row of a key says, its deprecated names included.
bool AddOfRow(const KeyRow& row, std::string_view name, ConditionValues& values) {
  using aws::EqualsIgnoringCase;
  if (EqualsIgnoringCase(name, "kms:KeySpec") || EqualsIgnoringCase(name, "kms:CustomerMasterKeySpec")) {
    values.Add(row.spec);
  } else if (EqualsIgnoringCase(name, "kms:KeyUsage") || EqualsIgnoringCase(name, "kms:CustomerMasterKeyUsage")) {
    values.Add(row.usage);
  } else if (EqualsIgnoringCase(name, "kms:KeyOrigin")) {
    values.Add(Name(row.origin));
  } else if (EqualsIgnoringCase(name, "kms:MultiRegion")) {
    AddBool(row.multi_region, values);
  } else if (EqualsIgnoringCase(name, "kms:MultiRegionKeyType") && row.multi_region) {
    values.Add(row.replica() ? "REPLICA" : "PRIMARY");
  } else {
    return false;
  }
  return true;
}

/// The alias by which the request names the key of this action, without the ARN around it.
bool AddRequestAlias(const aws::Call& call, std::string_view action, ConditionValues& values) {
  std::string_view member = "KeyId";
  if (call.operation == "ReEncrypt") member = action == "kms:ReEncryptTo" ? "DestinationKeyId" : "SourceKeyId";
  const auto named = call.body.RequiredView(member);
  if (!named.ok()) return false;
  std::string_view alias = *named;
  if (alias.starts_with("arn:")) {
    const std::size_t at = alias.find(":alias/");
    if (at == std::string_view::npos) return false;
    alias.remove_prefix(at + 1);
  }
  if (!alias.starts_with("alias/")) return false;
  values.Add(alias);
  return true;
}

bool AddAlgorithm(const aws::Call& call, std::string_view action, ConditionValues& values) {
  if (call.operation == "ReEncrypt")
    return AddMember(call, action == "kms:ReEncryptTo" ? "DestinationEncryptionAlgorithm" : "SourceEncryptionAlgorithm",
                     "SYMMETRIC_DEFAULT", values);
  if (!Among(call.operation, kOneAlgorithm)) return false;
  values.Add("SYMMETRIC_DEFAULT");
  return true;
}

/// CreateGrant: the kinds of its constraints, and the operations of the grant.
bool AddConstraintTypes(const aws::Call& call, ConditionValues& values) {
  const auto constraints = call.body.OptionalObject("Constraints");
  if (!constraints.ok() || !*constraints) return false;
  if ((*constraints)->Has("EncryptionContextEquals")) values.Add("EncryptionContextEquals");
  // An empty one constrains nothing.
  const auto subset = (*constraints)->StringMap("EncryptionContextSubset");
  if (subset.ok() && !subset->empty()) values.Add("EncryptionContextSubset");
  return values.size() != 0;
}
bool AddTexts(const aws::Call& call, std::string_view member, ConditionValues& values) {
  auto texts = call.body.StringList(member);
  if (!texts.ok() || texts->empty()) return false;
  for (std::string& text : *texts) values.Keep(std::move(text));
  return true;
}

/// The pairs of a CreateGrant's constraints, which its context is for conditions.
EncryptionContext ConstraintPairs(const aws::Call& call) {
  EncryptionContext pairs;
  const auto constraints = call.body.OptionalObject("Constraints");
  if (!constraints.ok() || !*constraints) return pairs;
  for (const std::string_view kind : {"EncryptionContextEquals", "EncryptionContextSubset"})
    if (auto map = (*constraints)->StringMap(kind); map.ok()) pairs.merge(*map);
  return pairs;
}

}  // namespace

bool Conditions::OfRequestTags(std::string_view name, ConditionValues& values) const {
  const bool keys = aws::EqualsIgnoringCase(name, "aws:TagKeys");
  if (keys && call_.operation == "UntagResource") return AddTexts(call_, "TagKeys", values);
  if (!Among(call_.operation, kWithTags)) return false;
  if (!request_tags_) {  // a policy may ask for thousands
    auto tags = call_.body.PairList("Tags", "TagKey", "TagValue");
    request_tags_ = tags.ok() ? std::move(*tags) : std::vector<Tag>();
  }
  for (const auto& [key, value] : *request_tags_) {
    if (keys)
      values.Add(key);
    else if (aws::EqualsIgnoringCase(name.substr(kRequestTagPrefix.size()), key))
      values.Add(value);
  }
  return values.size() != 0;
}

bool Conditions::OfEncryptionContext(std::string_view name, ConditionValues& values) const {
  EncryptionContext constraints;
  const EncryptionContext* context = context_;
  const bool grant = call_.operation == "CreateGrant";
  if (grant) {
    constraints = ConstraintPairs(call_);
    context = &constraints;
  }
  if (context == nullptr) return false;
  const auto add = [&](const std::string& text) { grant ? values.Keep(text) : values.Add(text); };
  const bool keys = !aws::StartsWithIgnoringCase(name, kContextPrefix);
  for (const auto& [key, value] : *context) {
    if (keys)
      add(key);
    else if (aws::EqualsIgnoringCase(name.substr(kContextPrefix.size()), key))
      add(value);
  }
  return values.size() != 0;
}

bool Conditions::OfLabels(std::string_view name, ConditionValues& values) const {
  if (labels_ == nullptr && key_ != nullptr) {
    held_ = key_->labels.load();
    labels_ = held_.get();
    wants_labels_ = labels_ == nullptr;
  }
  if (labels_ == nullptr) return false;
  if (name.size() > kResourceTagPrefix.size() && aws::StartsWithIgnoringCase(name, kResourceTagPrefix)) {
    for (const auto& [key, value] : labels_->tags)
      if (aws::EqualsIgnoringCase(name.substr(kResourceTagPrefix.size()), key)) values.Add(value);
  } else if (labels_->aliases.size() <= kMostAliases) {
    for (const std::string& alias : labels_->aliases) values.Add(alias);
  }
  return values.size() != 0;
}

bool Conditions::Find(std::string_view name, ConditionValues& values) const {
  using aws::EqualsIgnoringCase;
  using aws::StartsWithIgnoringCase;
  if (StartsWithIgnoringCase(name, "aws:")) {
    if (StartsWithIgnoringCase(name, kResourceTagPrefix)) return OfLabels(name, values);
    if (StartsWithIgnoringCase(name, kRequestTagPrefix) || EqualsIgnoringCase(name, "aws:TagKeys"))
      return OfRequestTags(name, values);
    return false;
  }
  if (!StartsWithIgnoringCase(name, "kms:")) return false;
  if (StartsWithIgnoringCase(name, kContextPrefix) || EqualsIgnoringCase(name, "kms:EncryptionContextKeys"))
    return OfEncryptionContext(name, values);
  for (const MemberRow& row : kMemberKeys)
    if (EqualsIgnoringCase(name, row.name) && Among(call_.operation, row.operations))
      return AddMember(call_, row.member, row.fallback, values);
  for (const NumberRow& row : kNumberKeys) {
    if (!EqualsIgnoringCase(name, row.name) || !Among(call_.operation, row.operations)) continue;
    const auto number = call_.body.IntOr(row.member, row.fallback);
    if (number.ok()) values.Keep(std::to_string(*number));
    return number.ok();
  }
  if (EqualsIgnoringCase(name, "kms:CallerAccount")) {
    values.Add(call_.account());
    return true;
  }
  if (EqualsIgnoringCase(name, "kms:EncryptionAlgorithm")) return AddAlgorithm(call_, action_, values);
  if (EqualsIgnoringCase(name, "kms:RequestAlias")) return row_ != nullptr && AddRequestAlias(call_, action_, values);
  if (EqualsIgnoringCase(name, "kms:ResourceAliases")) return OfLabels(name, values);
  if (EqualsIgnoringCase(name, "kms:ValidTo") && call_.operation == "ImportKeyMaterial")
    return AddValidTo(call_, values);
  if (EqualsIgnoringCase(name, "kms:BypassPolicyLockoutSafetyCheck") && Among(call_.operation, kLockoutChecked))
    return AddFlag(call_, "BypassPolicyLockoutSafetyCheck", values);
  // True only for services that keep resources of their own under the key; there are none.
  if (EqualsIgnoringCase(name, "kms:GrantIsForAWSResource") && Among(call_.operation, kForAwsResource))
    return AddBool(false, values);
  if (EqualsIgnoringCase(name, "kms:GrantConstraintType") && call_.operation == "CreateGrant")
    return AddConstraintTypes(call_, values);
  if (EqualsIgnoringCase(name, "kms:GrantOperations") && call_.operation == "CreateGrant")
    return AddTexts(call_, "Operations", values);
  return row_ != nullptr && AddOfRow(*row_, name, values);
}

}  // namespace strongroom::kms
