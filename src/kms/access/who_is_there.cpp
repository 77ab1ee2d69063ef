#include "kms/access/who_is_there.h"

#include <algorithm>

#include "kms/service.h"

namespace strongroom::kms {

Task<Result<ports::PrincipalIds>> WhoIsThere(Kms& kms, std::vector<std::string> arns) {
  std::ranges::sort(arns);
  const auto twice = std::ranges::unique(arns);
  arns.erase(twice.begin(), twice.end());
  while (!arns.empty()) {
    std::vector<std::string> asked = arns;
    auto ids = co_await kms.principals().Resolve(std::move(asked));
    if (ids.ok()) co_return ids;
    if (ids.error().code() != Errc::kNotFound) co_return std::move(ids).error();
    // Its text is the first that nobody has.
    if (std::erase(arns, std::string(ids.error().public_message())) == 0) co_return std::move(ids).error();
  }
  co_return ports::PrincipalIds();
}

bool IsStill(const ports::PrincipalIds& there, const std::string& arn, const std::string& id) {
  if (id.empty()) return true;
  const auto found = there.find(arn);
  return found != there.end() && found->second == id;
}

}  // namespace strongroom::kms
