#include "kms/page.h"

namespace strongroom::kms {

Result<Page> ParsePage(Kms& kms, const aws::Call& call, PageLimits limits, std::string_view filter) {
  Page page;
  for (const std::string_view part : {call.operation, call.account(), call.region, filter})
    page.list.append(part).append("|");
  SR_TRY(const std::int64_t limit, call.body.IntOr("Limit", limits.default_limit));
  page.limit = std::min(limit, limits.max_limit);
  SR_TRY(const auto marker, call.body.OptionalString("Marker"));
  if (marker) {
    SR_TRY(page.after, kms.markers().Read(page.list, *marker));
  }
  return page;
}

void FinishPage(Kms& kms, const Page& page, bool more, std::string_view last, aws::Reply& reply) {
  if (more) reply.Text("NextMarker", kms.markers().Make(page.list, last));
  reply.Bool("Truncated", more);
}

}  // namespace strongroom::kms
