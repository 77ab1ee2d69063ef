#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cloudhsm/rows.h"

namespace strongroom::cloudhsm {

/// Tags are kept for clusters and backups.
/// Errors: kNotFound, naming the cluster or backup.
Status RequireTaggable(store::Transaction& t, std::string_view account, std::string_view region,
                       std::string_view resource_id);

/// Errors: kTag for a key of AWS's own (aws:...), or one that is given twice.
Status CheckTagKeys(const std::vector<std::pair<std::string, std::string>>& tags);

}  // namespace strongroom::cloudhsm
