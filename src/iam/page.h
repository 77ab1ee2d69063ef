#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "iam/work.h"

namespace strongroom::iam {

/// Where a page of a list begins and how long it may be. IAM's lists are bounded by quotas, so a list is read whole and
/// cut here.
struct Page {
  std::string after;  // sort key of the last entry shown before; empty at the beginning
  std::size_t limit = 100;
};
/// Reads Marker and MaxItems. Errors: kInvalidMarker.
Result<Page> PageOf(const Work& work);
/// A marker to go on after `key`.
std::string MarkerAfter(std::string_view key);

/// Sorts by `key_of` (unique texts of at most 238 bytes, for markers of 320 characters), drops what other pages have
/// and adds IsTruncated and Marker to the answer. What is left is this page.
template <typename T, typename KeyOf>
Status CutPage(const Work& work, std::vector<T>& all, KeyOf key_of, aws::Reply& reply) {
  SR_TRY(const Page page, PageOf(work));
  std::ranges::sort(all, {}, key_of);
  const auto first = std::ranges::upper_bound(all, page.after, {}, key_of);
  if (!page.after.empty()) all.erase(all.begin(), first);
  const bool more = all.size() > page.limit;
  if (more) all.erase(all.begin() + static_cast<std::ptrdiff_t>(page.limit), all.end());
  reply.Bool("IsTruncated", more);
  if (more) reply.Text("Marker", MarkerAfter(key_of(all.back())));
  return {};
}

}  // namespace strongroom::iam
