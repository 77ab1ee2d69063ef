// Source: STS API Reference, "GetAccessKeyInfo". The account is in the id itself, whether or not there is such a key.
#include "aws/dispatch/question.h"
#include "iam/key_ids.h"
#include "iam/ops/all.h"
#include "iam/sts_service.h"

namespace strongroom::iam {
namespace {
Task<Result<aws::Reply>> GetAccessKeyInfo(Sts& sts, aws::Call& call) {
  SR_CO_TRY(const std::string id, call.body.RequiredString("AccessKeyId"));
  SR_CO_CHECK(sts.authorizer().Authorize(aws::QuestionOf(call)));
  auto account = AccountOfKeyId(id);
  if (!account) co_return Error(Errc::kInvalidArgument, "The access key id is not valid.");
  aws::Reply reply;
  reply.Text("Account", *std::move(account));
  co_return reply;
}
}  // namespace

constinit const aws::Operation op::get_access_key_info = {.target = "sts.GetAccessKeyInfo",
                                                          .iam_action = "sts:GetAccessKeyInfo",
                                                          .handler = aws::Bind<Sts, &GetAccessKeyInfo>};

}  // namespace strongroom::iam
