#include "ports/principal_directory.h"

namespace strongroom::ports {

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
