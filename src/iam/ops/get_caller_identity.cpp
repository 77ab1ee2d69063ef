// Source: AWS STS API Reference, "GetCallerIdentity".
#include "iam/ops/all.h"
#include "iam/sts_service.h"

namespace strongroom::iam {
namespace {
/// Needs no permission: whoever signs may know who they are, even if a policy denies it.
Task<Result<aws::Reply>> GetCallerIdentity(Sts&, aws::Call& call) {
  aws::Reply reply;
  reply.Text("Arn", call.caller.arn).Text("UserId", call.caller.principal_id).Text("Account", call.caller.account);
  co_return reply;
}
}  // namespace

constinit const aws::Operation op::get_caller_identity = {.target = "sts.GetCallerIdentity",
                                                          .iam_action = "sts:GetCallerIdentity",
                                                          .handler = aws::Bind<Sts, &GetCallerIdentity>};
}  // namespace strongroom::iam
