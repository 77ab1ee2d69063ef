// Source: IAM API Reference, "DeleteAccountPasswordPolicy".
#include "iam/data/account.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> DeleteAccountPasswordPolicy(Work& work) {
  SR_CHECK(AuthorizeAccount(work));
  SR_TRY(const std::int64_t gone,
         work.t.Execute("DELETE FROM iam_password_policies WHERE account_id = $1", {store::Text(work.account())}));
  if (gone == 0) {
    return Error(Errc::kNotFound, fmt::format("The account policy with name PasswordPolicy cannot be found."));
  }
  return Done();
}
}  // namespace

constinit const aws::Operation op::delete_account_password_policy = {.target = "iam.DeleteAccountPasswordPolicy",
                                                                     .iam_action = "iam:DeleteAccountPasswordPolicy",
                                                                     .handler = Writing<&DeleteAccountPasswordPolicy>};

}  // namespace strongroom::iam
