#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ports/clock.h"

namespace strongroom::iam {

/// What policies are attached to.
enum class Kind : std::uint8_t { kUser, kGroup, kRole };

/// What the API and ARNs call a kind. All views are literals.
struct KindNames {
  std::string_view word;         // "user": in ARNs, in the database and in error texts
  std::string_view capital;      // "User"
  std::string_view name_member;  // "UserName"
  std::string_view id_member;    // "UserId"
  std::string_view list_member;  // "Users"
  std::string_view id_prefix;    // "AIDA"
};
const KindNames& NamesOf(Kind kind) noexcept;
/// Errors: kCorrupted for a word that is none of KindNames::word.
Result<Kind> KindOf(std::string_view word);

/// Lower case of ASCII: names are unique ignoring case.
std::string Folded(std::string_view text);
/// Prefix ("AIDA", "ANPA") and 17 random characters, as IAM's unique ids are.
std::string NewUniqueId(std::string_view prefix);
/// "arn:aws:iam::111122223333:user/path/anna"; `type` is "user", "policy", "mfa" and so on, `path` begins and ends in a
/// slash.
std::string IamArn(std::string_view account, std::string_view type, std::string_view path, std::string_view name);

/// An ARN of IAM in its parts. `rest` is what follows the type and its slash.
struct IamArnParts {
  std::string account;  // 12 digits, or "aws"
  std::string type;     // "policy"
  std::string rest;     // "path/name"
  std::string name() const { return rest.substr(rest.rfind('/') + 1); }
};
/// None for what is no ARN of IAM.
std::optional<IamArnParts> ParseIamArn(std::string_view arn);

inline ports::WallTime WallTimeOf(std::int64_t millis) { return ports::WallTime(std::chrono::milliseconds(millis)); }

}  // namespace strongroom::iam
