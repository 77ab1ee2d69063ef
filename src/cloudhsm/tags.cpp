#include "cloudhsm/tags.h"

namespace strongroom::cloudhsm {

Status RequireTaggable(store::Transaction& t, std::string_view account, std::string_view region,
                       std::string_view resource_id) {
  if (resource_id.starts_with("backup-")) {
    return Error(Errc::kNotFound, "Backup " + std::string(resource_id) + " was not found.");
  }
  SR_CHECK(RequireCluster(t, account, region, resource_id));
  return {};
}

}  // namespace strongroom::cloudhsm
