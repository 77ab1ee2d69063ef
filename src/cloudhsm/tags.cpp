#include "cloudhsm/tags.h"

#include "cloudhsm/backups.h"

namespace strongroom::cloudhsm {

Status RequireTaggable(store::Transaction& t, std::string_view account, std::string_view region,
                       std::string_view resource_id) {
  if (resource_id.starts_with("backup-")) {
    SR_CHECK(RequireBackup(t, account, region, resource_id));
    return {};
  }
  SR_CHECK(RequireCluster(t, account, region, resource_id));
  return {};
}

Status RequireUniqueKeys(const std::vector<std::pair<std::string, std::string>>& tags) {
  for (std::size_t i = 0; i < tags.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (tags[i].first == tags[j].first) {
        return Error(Errc::kTag, "Tag keys must be unique: " + tags[i].first + " is given twice.");
      }
    }
  }
  return {};
}

}  // namespace strongroom::cloudhsm
