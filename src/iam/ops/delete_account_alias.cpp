// Source: IAM API Reference, "DeleteAccountAlias".
#include "iam/data/account.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> DeleteAccountAlias(Work& work) {
  SR_CHECK(AuthorizeAccount(work));
  SR_TRY(const std::string alias, work.in.RequiredString("AccountAlias"));
  SR_TRY(const std::int64_t gone, work.t.Execute("DELETE FROM iam_account_aliases WHERE account_id = $1 AND alias = $2",
                                                 {store::Text(work.account()), store::Text(alias)}));
  if (gone == 0) return Error(Errc::kNotFound, fmt::format("The account alias {} cannot be found.", alias));
  return Done();
}
}  // namespace

constinit const aws::Operation op::delete_account_alias = {.target = "iam.DeleteAccountAlias",
                                                           .iam_action = "iam:DeleteAccountAlias",
                                                           .handler = Writing<&DeleteAccountAlias>};

}  // namespace strongroom::iam
