#include "ports/principal_directory.h"

#include <algorithm>

namespace strongroom::ports {

Task<Result<PrincipalIds>> WhoIsThere(PrincipalDirectory& directory, std::vector<std::string> arns) {
  std::ranges::sort(arns);
  const auto twice = std::ranges::unique(arns);
  arns.erase(twice.begin(), twice.end());
  while (!arns.empty()) {
    std::vector<std::string> asked = arns;
    auto ids = co_await directory.Resolve(std::move(asked));
    if (ids.ok()) co_return ids;
    if (ids.error().code() != Errc::kNotFound) co_return std::move(ids).error();
    // Its text is the first that nobody has.
    if (std::erase(arns, std::string(ids.error().public_message())) == 0) co_return std::move(ids).error();
  }
  co_return PrincipalIds();
}

bool IsStill(const PrincipalIds& there, const std::string& arn, const std::string& id) {
  if (id.empty()) return true;
  const auto found = there.find(arn);
  return found != there.end() && found->second == id;
}

Task<Result<std::set<std::string, std::less<>>>> WhoIsGone(PrincipalDirectory& directory, PrincipalIds ids) {
  std::vector<std::string> arns;
  for (const auto& [arn, id] : ids) arns.push_back(arn);
  SR_CO_TRY(const PrincipalIds there, co_await WhoIsThere(directory, std::move(arns)));
  std::set<std::string, std::less<>> gone;
  for (const auto& [arn, id] : ids)
    if (!IsStill(there, arn, id)) gone.insert(arn);
  co_return gone;
}

std::string TextOf(const PrincipalIds& ids) {
  std::string text;
  for (const auto& [arn, id] : ids) text.append(arn).append(" ").append(id).append("\n");
  return text;
}

Result<PrincipalIds> ReadPrincipalIds(std::string_view text) {
  PrincipalIds ids;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const std::size_t space = line.find(' ');
    if (end == std::string_view::npos || space == 0 || space == std::string_view::npos || space + 1 == line.size())
      return Error(Errc::kCorrupted, "The principals kept beside a policy cannot be read.");
    ids.emplace(line.substr(0, space), line.substr(space + 1));
    text.remove_prefix(end + 1);
  }
  return ids;
}

}  // namespace strongroom::ports
