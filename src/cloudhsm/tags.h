#pragma once

#include <string_view>

#include "cloudhsm/rows.h"

namespace strongroom::cloudhsm {

/// Tags are kept for clusters; a backup's id is well formed here but names nothing that could carry one.
/// Errors: kNotFound, naming the cluster or backup.
Status RequireTaggable(store::Transaction& t, std::string_view account, std::string_view region,
                       std::string_view resource_id);

}  // namespace strongroom::cloudhsm
