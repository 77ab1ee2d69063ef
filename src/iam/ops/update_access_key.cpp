// Source: IAM API Reference, "UpdateAccessKey".
#include "iam/access_keys.h"
#include "iam/data/keys.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> UpdateAccessKey(Work& work) {
  SR_TRY(const KeyHolder holder, NeedKeyHolder(work));
  SR_TRY(const KeyFacts key, NeedKeyOf(work, holder));
  SR_TRY(const std::string status, work.in.RequiredString("Status"));
  if (status == "Expired") return InvalidInput("An access key's status is Active or Inactive.");
  SR_CHECK(work.t.Execute("UPDATE access_keys SET status = $1 WHERE account_id = $2 AND access_key_id = $3",
                          {store::Text(status), store::Text(work.account()), store::Text(key.id)}));
  SR_CHECK(work.t.Change(kAccessKeyChange, work.account(), "", key.id));
  return Done();
}
}  // namespace

constinit const aws::Operation op::update_access_key = {
    .target = "iam.UpdateAccessKey", .iam_action = "iam:UpdateAccessKey", .handler = Writing<&UpdateAccessKey>};

}  // namespace strongroom::iam
