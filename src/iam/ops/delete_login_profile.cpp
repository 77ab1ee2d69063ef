// Source: IAM API Reference, "DeleteLoginProfile".
#include "iam/data/passwords.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> DeleteLoginProfile(Work& work) {
  SR_TRY(const Entity user, NeedEntity(work, Kind::kUser, NameMember::kOrCaller));
  SR_TRY(const std::int64_t gone,
         work.t.Execute("DELETE FROM iam_login_profiles WHERE account_id = $1 AND user_id = $2",
                        {store::Text(work.account()), store::Text(user.id)}));
  if (gone == 0) return NoSuchLoginProfile(user.name);
  return Done();
}
}  // namespace

constinit const aws::Operation op::delete_login_profile = {.target = "iam.DeleteLoginProfile",
                                                           .iam_action = "iam:DeleteLoginProfile",
                                                           .handler = Writing<&DeleteLoginProfile>};

}  // namespace strongroom::iam
