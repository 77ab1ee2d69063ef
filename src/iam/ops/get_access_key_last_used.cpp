// Source: IAM API Reference, "GetAccessKeyLastUsed".
#include "iam/data/keys.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> GetAccessKeyLastUsed(Work& work) {
  SR_TRY(const std::string id, work.in.RequiredString("AccessKeyId"));
  SR_TRY(const auto key, FindKey(work.t, work.account(), id));
  SR_CHECK(work.Authorize(key ? key->principal_arn : "*"));
  if (!key) return Error(Errc::kAccessDenied, fmt::format("Access key {} does not exist in this account.", id));
  SR_TRY(const auto user, FindEntityById(work.t, work.account(), key->principal_id));
  aws::Reply used;
  if (key->last_used_at) used.Timestamp("LastUsedDate", WallTimeOf(*key->last_used_at));
  used.Text("ServiceName", key->last_used_at ? key->last_used_service : "N/A")
      .Text("Region", key->last_used_at ? key->last_used_region : "N/A");
  aws::Reply reply;
  if (user) reply.Text("UserName", user->name);
  reply.Object("AccessKeyLastUsed", std::move(used));
  return reply;
}
}  // namespace

constinit const aws::Operation op::get_access_key_last_used = {.target = "iam.GetAccessKeyLastUsed",
                                                               .iam_action = "iam:GetAccessKeyLastUsed",
                                                               .handler = Reading<&GetAccessKeyLastUsed>};

}  // namespace strongroom::iam
