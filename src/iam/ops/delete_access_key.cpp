// Source: IAM API Reference, "DeleteAccessKey".
#include "iam/access_keys.h"
#include "iam/data/keys.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> DeleteAccessKey(Work& work) {
  SR_TRY(const KeyHolder holder, NeedKeyHolder(work));
  SR_TRY(const KeyFacts key, NeedKeyOf(work, holder));
  SR_CHECK(work.t.Execute("DELETE FROM access_keys WHERE account_id = $1 AND access_key_id = $2",
                          {store::Text(work.account()), store::Text(key.id)}));
  SR_CHECK(work.t.Change(kAccessKeyChange, work.account(), "", key.id));
  return Done();
}
}  // namespace

constinit const aws::Operation op::delete_access_key = {
    .target = "iam.DeleteAccessKey", .iam_action = "iam:DeleteAccessKey", .handler = Writing<&DeleteAccessKey>};

}  // namespace strongroom::iam
