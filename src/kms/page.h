#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kms/service.h"

namespace strongroom::kms {

/// One page of a list: where it begins and how long it may be (spec/kms.md 9).
struct PageLimits {
  std::int64_t default_limit = 100, max_limit = 1000;
};
struct Page {
  std::string list;   // what its markers are bound to
  std::string after;  // sort key of the last entry shown before
  std::int64_t limit = 0;
};
/// `filter` is bound into the marker. Errors: kInvalidMarker.
Result<Page> ParsePage(Kms& kms, const aws::Call& call, PageLimits limits, std::string_view filter);

/// Lists are read with one entry too many; this takes it off again. True when there are more.
template <typename T>
bool CutPage(const Page& page, std::vector<T>& entries) {
  if (entries.size() <= static_cast<std::size_t>(page.limit)) return false;
  entries.resize(static_cast<std::size_t>(page.limit));
  return true;
}
/// Adds Truncated and, when there are more, NextMarker.
void FinishPage(Kms& kms, const Page& page, bool more, std::string_view last, aws::Reply& reply);

}  // namespace strongroom::kms
