// Source: CloudHSMv2 API Reference, "UntagResource".
#include "cloudhsm/ops/all.h"
#include "cloudhsm/service.h"
#include "cloudhsm/tags.h"

namespace strongroom::cloudhsm {
namespace {

struct Request {
  std::string account, region, resource_id;
  std::vector<std::string> keys;
};

Status Apply(store::Transaction& t, const Request& r) {
  SR_CHECK(RequireTaggable(t, r.account, r.region, r.resource_id));
  for (const std::string& key : r.keys) {
    SR_CHECK(
        t.Execute("DELETE FROM resource_tags WHERE account_id = $1 AND region = $2 AND resource_id = $3 AND "
                  "tag_key = $4",
                  {store::Text(r.account), store::Text(r.region), store::Text(r.resource_id), store::Text(key)}));
  }
  return {};
}

Task<Result<aws::Reply>> UntagResource(CloudHsm& service, aws::Call& call) {
  Request request{.account = std::string(call.account()), .region = std::string(call.region)};
  SR_CO_TRY(request.resource_id, call.body.RequiredString("ResourceId"));
  SR_CO_TRY(request.keys, call.body.StringList("TagKeyList"));
  SR_CO_CHECK(co_await service.Authorize(call, request.resource_id));
  call.AuditResource(ClusterArn(call.region, call.account(), request.resource_id));
  auto apply = [request = std::move(request)](store::Transaction& t) { return Apply(t, request); };
  SR_CO_CHECK(co_await service.database().Run(std::move(apply)));
  co_return aws::Reply();
}

}  // namespace

constinit const aws::Operation op::untag_resource = {.target = "BaldrApiService.UntagResource",
                                                     .iam_action = "cloudhsm:UntagResource",
                                                     .handler = aws::Bind<CloudHsm, &UntagResource>};
}  // namespace strongroom::cloudhsm
