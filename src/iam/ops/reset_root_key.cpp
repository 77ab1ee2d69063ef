// Of the deployment's own API: an account's root gets a new access key, which is shown once; those it had end.
#include "iam/accounts.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Task<Result<aws::Reply>> ResetRootKey(Accounts& accounts, aws::Call& call) {
  SR_CO_TRY(std::string id, call.body.RequiredString("AccountId"));
  SR_CO_CHECK(accounts.Authorize(call));
  call.AuditResource(RootArn(id));
  SR_CO_TRY(NewAccessKey made, co_await accounts.keys().ResetRootKey(std::move(id)));
  aws::Reply reply;
  reply.Text("AccountId", made.account_id)
      .Text("AccessKeyId", made.access_key_id)
      .SecretText("SecretAccessKey", std::move(made.secret));
  co_return reply;
}
}  // namespace

constinit const aws::Operation op::reset_root_key = {.target = "Strongroom.ResetRootKey",
                                                     .iam_action = "strongroom:ResetRootKey",
                                                     .handler = aws::Bind<Accounts, &ResetRootKey>};

}  // namespace strongroom::iam
