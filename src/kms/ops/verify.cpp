// Source: AWS KMS API Reference, "Verify"; spec/kms.md 3.4.
#include "kms/message_use.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> Verify(Kms& kms, aws::Call& call) {
  SR_CO_TRY(MessageUse use, ParseMessageUse(call, "SigningAlgorithm"));
  SR_CO_TRY(const Bytes signature, call.body.RequiredBlob("Signature"));
  SR_CO_TRY(const UsableKey usable, co_await UseForMessage(kms, call, use, "SIGN_VERIFY"));
  std::string algorithm = use.message.algorithm;
  // What does not verify is an error: SignatureValid is never false.
  SR_CO_CHECK(co_await usable.store(kms).Verify(*usable.key, std::move(use.message), signature));
  aws::Reply reply;
  reply.Text("KeyId", usable.key->arn).Bool("SignatureValid", true).Text("SigningAlgorithm", std::move(algorithm));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::verify = {
    .target = "TrentService.Verify", .iam_action = "kms:Verify", .handler = aws::Bind<Kms, &Verify>};

}  // namespace strongroom::kms
