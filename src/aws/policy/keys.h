#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ports/authorizer.h"

namespace strongroom::aws::policy {

/// Condition keys that the engine itself answers from caller and request, and those that need its attention.
/// Source: IAM User Guide, "AWS global condition context keys".
enum class GlobalKey : std::uint8_t {
  kNone,  // the service's
  kPrincipalArn,
  kPrincipalAccount,
  kPrincipalType,
  kPrincipalTag,
  kPrincipalIsAwsService,
  kPrincipalServiceName,
  kUserId,
  kUserName,
  kFederatedProvider,
  kSourceIdentity,
  kTokenIssueTime,
  kMfaPresent,
  kMfaAge,
  kSourceIp,
  kSecureTransport,
  kUserAgent,
  kRequestedRegion,
  kCurrentTime,
  kEpochTime,
  kResourceAccount,
  kViaAwsService,
  kNotInKeyPolicies,  // the key's tags and aliases, which only identity policies see (KMS Developer Guide, "ABAC")
};

/// A condition key as a policy names it.
struct Key {
  GlobalKey global = GlobalKey::kNone;
  std::string name;    // as written
  std::string suffix;  // the tag's key of aws:PrincipalTag/…
};
Key MakeKey(std::string_view name);

/// What a request has for one key. Views of the question, or of this very object: not to be moved.
struct Found {
  Found() = default;
  Found(const Found&) = delete;
  Found& operator=(const Found&) = delete;

  ports::ConditionValues values;
  std::optional<std::int64_t> millis;  // for keys that are times: since the epoch
  std::array<char, 32> scratch{};

  bool present() const noexcept { return values.size() != 0; }
};

/// What it costs to look for the values of a key, in the steps of glob.h.
inline constexpr std::size_t kStepsOfLook = 64;
/// The values that the question has for the key, asked by a policy of `kind`. No values: the request has no such key.
void Look(const ports::Question& question, ports::PolicyKind kind, const Key& key, Found& found);

}  // namespace strongroom::aws::policy
