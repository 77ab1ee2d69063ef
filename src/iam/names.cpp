#include "iam/names.h"

#include <sodium.h>

#include <algorithm>

namespace strongroom::iam {
namespace {
constexpr std::size_t kIdCharacters = 17;
constexpr std::array<KindNames, 3> kKinds{{{"user", "User", "UserName", "UserId", "Users", "AIDA"},
                                           {"group", "Group", "GroupName", "GroupId", "Groups", "AGPA"},
                                           {"role", "Role", "RoleName", "RoleId", "Roles", "AROA"}}};
}  // namespace

const KindNames& NamesOf(Kind kind) noexcept { return kKinds[static_cast<std::size_t>(kind)]; }

Result<Kind> KindOf(std::string_view word) {
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (kKinds[i].word == word) return static_cast<Kind>(i);
  }
  return Error(Errc::kCorrupted, "An entity of IAM is of no known kind.");
}

std::string Folded(std::string_view text) {
  std::string folded(text);
  std::ranges::transform(folded, folded.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return folded;
}

std::string NewUniqueId(std::string_view prefix) {
  constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string id(prefix);
  for (std::size_t i = 0; i < kIdCharacters; ++i) id += kBase32[randombytes_uniform(kBase32.size())];
  return id;
}

std::string IamArn(std::string_view account, std::string_view type, std::string_view path, std::string_view name) {
  std::string arn("arn:aws:iam::");
  return arn.append(account).append(":").append(type).append(path).append(name);
}

std::optional<IamArnParts> ParseIamArn(std::string_view arn) {
  constexpr std::string_view kStart = "arn:aws:iam::";
  if (!arn.starts_with(kStart)) return std::nullopt;
  arn.remove_prefix(kStart.size());
  const std::size_t colon = arn.find(':');
  const std::size_t slash = arn.find('/');
  if (colon == std::string_view::npos || slash == std::string_view::npos || slash < colon) return std::nullopt;
  const std::string_view account = arn.substr(0, colon);
  const bool digits = account.size() == 12 && account.find_first_not_of("0123456789") == std::string_view::npos;
  IamArnParts parts{std::string(account), std::string(arn.substr(colon + 1, slash - colon - 1)),
                    std::string(arn.substr(slash + 1))};
  if ((!digits && account != "aws") || parts.type.empty() || parts.rest.empty() || parts.rest.back() == '/')
    return std::nullopt;
  return parts;
}

}  // namespace strongroom::iam
