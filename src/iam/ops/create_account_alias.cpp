// Source: IAM API Reference, "CreateAccountAlias".
#include "iam/data/account.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> CreateAccountAlias(Work& work) {
  SR_CHECK(AuthorizeAccount(work));
  SR_TRY(const std::string alias, work.in.RequiredString("AccountAlias"));
  if (alias.size() == 12 && alias.find_first_not_of("0123456789") == std::string::npos)
    return InvalidInput("An account alias is not 12 digits: those are account ids.");
  SR_CHECK(work.t.Execute("DELETE FROM iam_account_aliases WHERE account_id = $1", {store::Text(work.account())}));
  SR_TRY(const std::int64_t now, work.t.NowMillis());
  SR_TRY(const std::int64_t written,
         work.t.Execute("INSERT INTO iam_account_aliases (alias, account_id, created_at) VALUES ($1, $2, $3) "
                        "ON CONFLICT DO NOTHING",
                        {store::Text(alias), store::Text(work.account()), now}));
  if (written == 0) return Error(Errc::kAlreadyExists, fmt::format("The account alias {} already exists.", alias));
  return Done();
}
}  // namespace

constinit const aws::Operation op::create_account_alias = {.target = "iam.CreateAccountAlias",
                                                           .iam_action = "iam:CreateAccountAlias",
                                                           .handler = Writing<&CreateAccountAlias>};

}  // namespace strongroom::iam
