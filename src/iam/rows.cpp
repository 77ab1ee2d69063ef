#include "iam/rows.h"

#include <algorithm>
#include <vector>

#include "iam/ops/all.h"

namespace strongroom::iam {

std::span<const aws::Operation* const> RowsOf(std::string_view prefix) {
  static const std::vector<const aws::Operation*> sorted = [] {
    std::vector<const aws::Operation*> all(kAllRows.begin(), kAllRows.end());
    std::ranges::sort(all, {}, &aws::Operation::target);
    return all;
  }();
  const auto first = std::ranges::find_if(sorted, [&](const auto* row) { return row->target.starts_with(prefix); });
  const auto last =
      std::find_if_not(first, sorted.end(), [&](const auto* row) { return row->target.starts_with(prefix); });
  return {first, last};
}

}  // namespace strongroom::iam
