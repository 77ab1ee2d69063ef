// Source: CloudHSMv2 API Reference, "TagResource".
#include "cloudhsm/ops/all.h"
#include "cloudhsm/service.h"
#include "cloudhsm/tags.h"

namespace strongroom::cloudhsm {
namespace {

struct Request {
  std::string account, region, resource_id;
  std::vector<std::pair<std::string, std::string>> tags;
  std::int64_t limit = 0;
};

Status Apply(store::Transaction& t, const Request& r) {
  SR_CHECK(RequireTaggable(t, r.account, r.region, r.resource_id));
  SR_TRY(Tags tags, LoadTags(t, r.account, r.region, r.resource_id));
  for (const auto& [key, value] : r.tags) tags[key] = value;
  if (static_cast<std::int64_t>(tags.size()) > r.limit) {
    return Error(Errc::kLimitExceeded, "You have reached the limit of " + std::to_string(r.limit) + " tags.");
  }
  for (const auto& [key, value] : r.tags) SR_CHECK(PutTag(t, r.account, r.region, r.resource_id, key, value));
  return {};
}

Task<Result<aws::Reply>> TagResource(CloudHsm& service, aws::Call& call) {
  Request request{.account = std::string(call.account()), .region = std::string(call.region)};
  SR_CO_TRY(request.resource_id, call.body.RequiredString("ResourceId"));
  SR_CO_TRY(request.tags, call.body.PairList("TagList", "Key", "Value"));
  request.limit = service.limits().tags;
  SR_CO_CHECK(CheckTagKeys(request.tags));
  SR_CO_CHECK(co_await service.Authorize(call, request.resource_id));
  call.AuditResource(ClusterArn(call.region, call.account(), request.resource_id));
  auto apply = [request = std::move(request)](store::Transaction& t) { return Apply(t, request); };
  SR_CO_CHECK(co_await service.database().Run(std::move(apply)));
  co_return aws::Reply();
}

}  // namespace

constinit const aws::Operation op::tag_resource = {.target = "BaldrApiService.TagResource",
                                                   .iam_action = "cloudhsm:TagResource",
                                                   .handler = aws::Bind<CloudHsm, &TagResource>};
}  // namespace strongroom::cloudhsm
