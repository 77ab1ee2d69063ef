// Source: AWS KMS API Reference, "Sign"; spec/kms.md 3.4.
#include "kms/message_use.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> Sign(Kms& kms, aws::Call& call) {
  SR_CO_TRY(MessageUse use, ParseMessageUse(call, "SigningAlgorithm"));
  SR_CO_TRY(const UsableKey usable, co_await UseForMessage(kms, call, use, "SIGN_VERIFY"));
  std::string algorithm = use.message.algorithm;
  SR_CO_TRY(Bytes signature, co_await usable.store(kms).Sign(*usable.key, std::move(use.message)));
  aws::Reply reply;
  reply.Text("KeyId", usable.key->arn)
      .Blob("Signature", std::move(signature))
      .Text("SigningAlgorithm", std::move(algorithm));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::sign = {
    .target = "TrentService.Sign", .iam_action = "kms:Sign", .handler = aws::Bind<Kms, &Sign>};

}  // namespace strongroom::kms
