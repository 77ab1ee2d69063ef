// Source: STS API Reference, "DecodeAuthorizationMessage". At AWS some services (EC2 foremost) encode the reason of a
// refusal. None of those that are served here does so, there as here, so there is no message that this could decode.
#include "aws/dispatch/question.h"
#include "iam/ops/all.h"
#include "iam/sts_service.h"

namespace strongroom::iam {
namespace {
Task<Result<aws::Reply>> DecodeAuthorizationMessage(Sts& sts, aws::Call& call) {
  SR_CO_TRY(const std::string_view message, call.body.RequiredView("EncodedMessage"));
  SR_CO_CHECK(sts.authorizer().Authorize(aws::QuestionOf(call)));
  co_return Error(Errc::kBadCiphertext, message.empty() ? "The message is empty."
                                                        : "The message was not encoded by a service of this "
                                                          "deployment.");
}
}  // namespace

constinit const aws::Operation op::decode_authorization_message = {
    .target = "sts.DecodeAuthorizationMessage",
    .iam_action = "sts:DecodeAuthorizationMessage",
    .handler = aws::Bind<Sts, &DecodeAuthorizationMessage>};

}  // namespace strongroom::iam
