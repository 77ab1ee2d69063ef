// Of the deployment's own API: an account and its root's first access key, which is shown once.
#include "iam/accounts.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Task<Result<aws::Reply>> CreateAccount(Accounts& accounts, aws::Call& call) {
  SR_CO_TRY(std::string name, call.body.RequiredString("Name"));
  SR_CO_TRY(auto id, call.body.OptionalString("AccountId"));
  SR_CO_CHECK(accounts.Authorize(call));
  SR_CO_TRY(NewAccessKey made, co_await accounts.keys().CreateAccount(std::move(name), std::move(id)));
  call.AuditResource(RootArn(made.account_id));
  aws::Reply reply;
  reply.Text("AccountId", made.account_id)
      .Text("AccessKeyId", made.access_key_id)
      .SecretText("SecretAccessKey", std::move(made.secret));
  co_return reply;
}
}  // namespace

constinit const aws::Operation op::create_account = {.target = "Strongroom.CreateAccount",
                                                     .iam_action = "strongroom:CreateAccount",
                                                     .handler = aws::Bind<Accounts, &CreateAccount>};

}  // namespace strongroom::iam
