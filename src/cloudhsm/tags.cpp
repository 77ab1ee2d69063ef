#include "cloudhsm/tags.h"

#include <algorithm>
#include <cctype>

#include "cloudhsm/backups.h"

namespace strongroom::cloudhsm {

Status RequireTaggable(store::Transaction& t, std::string_view account, std::string_view region,
                       std::string_view resource_id) {
  if (IsBackupId(resource_id)) {
    SR_CHECK(RequireBackup(t, account, region, resource_id));
    return {};
  }
  SR_CHECK(RequireCluster(t, account, region, resource_id));
  return {};
}

namespace {
bool IsReserved(std::string_view key) {
  constexpr std::string_view kPrefix = "aws:";
  return key.size() >= kPrefix.size() && std::ranges::equal(key.substr(0, kPrefix.size()), kPrefix, {}, [](char c) {
           return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
         });
}
}  // namespace

Status CheckTagKeys(const std::vector<std::pair<std::string, std::string>>& tags) {
  for (std::size_t i = 0; i < tags.size(); ++i) {
    if (IsReserved(tags[i].first)) return Error(Errc::kTag, "Tag keys that begin with aws: are reserved for AWS.");
    for (std::size_t j = 0; j < i; ++j) {
      if (tags[i].first == tags[j].first) {
        return Error(Errc::kTag, "Tag keys must be unique: " + tags[i].first + " is given twice.");
      }
    }
  }
  return {};
}

}  // namespace strongroom::cloudhsm
