// Source: CloudHSMv2 API Reference, "ListTags".
#include "cloudhsm/ops/all.h"
#include "cloudhsm/page.h"
#include "cloudhsm/present.h"
#include "cloudhsm/service.h"
#include "cloudhsm/tags.h"

namespace strongroom::cloudhsm {
namespace {

Result<Tags> Load(store::Transaction& t, std::string_view account, std::string_view region,
                  std::string_view resource_id) {
  SR_CHECK(RequireTaggable(t, account, region, resource_id));
  return LoadTags(t, account, region, resource_id);
}

Task<Result<aws::Reply>> ListTags(CloudHsm& service, aws::Call& call) {
  SR_CO_TRY(std::string resource_id, call.body.RequiredString("ResourceId"));
  SR_CO_TRY(const std::int64_t limit, call.body.IntOr("MaxResults", 100));
  SR_CO_TRY(const auto token, call.body.OptionalString("NextToken"));
  std::string after;
  if (token) {
    SR_CO_TRY(after, ReadToken("tags", *token));
  }
  SR_CO_CHECK(co_await service.Authorize(call, resource_id));
  auto load = [account = std::string(call.account()), region = std::string(call.region),
               resource_id = std::move(resource_id)](store::Transaction& t) {
    return Load(t, account, region, resource_id);
  };
  SR_CO_TRY(const Tags tags, co_await service.database().RunRead(std::move(load)));
  Tags page;
  auto next = token ? tags.upper_bound(after) : tags.begin();
  for (; next != tags.end() && page.size() < static_cast<std::size_t>(limit); ++next) page.insert(*next);
  aws::Reply reply;
  reply.Objects("TagList", PresentTags(page));
  if (next != tags.end()) reply.Text("NextToken", MakeToken("tags", std::prev(next)->first));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::list_tags = {
    .target = "BaldrApiService.ListTags", .iam_action = "cloudhsm:ListTags", .handler = aws::Bind<CloudHsm, &ListTags>};
}  // namespace strongroom::cloudhsm
