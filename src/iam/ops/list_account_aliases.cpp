// Source: IAM API Reference, "ListAccountAliases".
#include "iam/data/account.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> ListAccountAliases(Work& work) {
  SR_CHECK(AuthorizeAccount(work));
  SR_TRY(const auto alias, ReadAlias(work.t, work.account()));
  std::vector<std::string> aliases;
  if (alias) aliases.push_back(*alias);
  aws::Reply reply;
  reply.Texts("AccountAliases", std::move(aliases)).Bool("IsTruncated", false);
  return reply;
}
}  // namespace

constinit const aws::Operation op::list_account_aliases = {.target = "iam.ListAccountAliases",
                                                           .iam_action = "iam:ListAccountAliases",
                                                           .handler = Reading<&ListAccountAliases>};

}  // namespace strongroom::iam
