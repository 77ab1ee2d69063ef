// Source: AWS KMS API Reference, "ListKeys".
#include "kms/ops/all.h"
#include "kms/page.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> ListKeys(Kms& kms, aws::Call& call) {
  SR_CO_CHECK(AuthorizeCall(kms, call, nullptr));
  SR_CO_TRY(const Page page, ParsePage(kms, call, {.default_limit = 100, .max_limit = 1000}, ""));
  auto list = [account = std::string(call.account()), region = std::string(call.region), page](store::Transaction& t) {
    return ListKeyIds(t, account, region, page.after, page.limit + 1);
  };
  SR_CO_TRY(auto ids, co_await kms.database().RunRead(std::move(list)));
  const bool more = CutPage(page, ids);
  std::vector<aws::Reply> shown;
  const std::string prefix = "arn:aws:kms:" + std::string(call.region) + ":" + std::string(call.account()) + ":key/";
  for (const std::string& id : ids)
    shown.push_back(std::move(aws::Reply().Text("KeyId", id).Text("KeyArn", prefix + id)));
  aws::Reply reply;
  reply.Objects("Keys", std::move(shown));
  FinishPage(kms, page, more, more ? ids.back() : "", reply);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::list_keys = {
    .target = "TrentService.ListKeys", .iam_action = "kms:ListKeys", .handler = aws::Bind<Kms, &ListKeys>};

}  // namespace strongroom::kms
