// Source: IAM API Reference, "ListAccessKeys".
#include "iam/data/keys.h"
#include "iam/ops/all.h"
#include "iam/page.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> ListAccessKeys(Work& work) {
  SR_TRY(const KeyHolder holder, NeedKeyHolder(work));
  SR_TRY(auto keys, ListKeys(work.t, work.account(), holder.principal_id));
  aws::Reply reply;
  SR_CHECK(CutPage(
      work, keys, [](const KeyFacts& one) { return one.id; }, reply));
  std::vector<aws::Reply> shown;
  for (const KeyFacts& one : keys) {
    aws::Reply entry;
    if (!holder.user_name.empty()) entry.Text("UserName", holder.user_name);
    entry.Text("AccessKeyId", one.id).Text("Status", one.status).Timestamp("CreateDate", WallTimeOf(one.created_at));
    shown.push_back(std::move(entry));
  }
  reply.Objects("AccessKeyMetadata", std::move(shown));
  return reply;
}
}  // namespace

constinit const aws::Operation op::list_access_keys = {
    .target = "iam.ListAccessKeys", .iam_action = "iam:ListAccessKeys", .handler = Reading<&ListAccessKeys>};

}  // namespace strongroom::iam
