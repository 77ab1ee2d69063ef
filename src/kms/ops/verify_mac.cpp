// Source: AWS KMS API Reference, "VerifyMac"; spec/kms.md 3.5.
#include "kms/message_use.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> VerifyMac(Kms& kms, aws::Call& call) {
  SR_CO_TRY(MessageUse use, ParseMessageUse(call, "MacAlgorithm"));
  SR_CO_TRY(const Bytes mac, call.body.RequiredBlob("Mac"));
  SR_CO_TRY(const UsableKey usable, co_await UseForMessage(kms, call, use, "GENERATE_VERIFY_MAC"));
  SignedMessage& message = use.message;
  const Status verified =
      co_await usable.store(kms).VerifyMac(*usable.key, message.algorithm, std::move(message.message), mac);
  if (!verified.ok() && verified.error().code() == Errc::kBadSignature) co_return Error(Errc::kBadMac, "");
  if (!verified.ok()) co_return verified.error();
  aws::Reply reply;
  reply.Text("KeyId", usable.key->arn).Bool("MacValid", true).Text("MacAlgorithm", message.algorithm);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::verify_mac = {
    .target = "TrentService.VerifyMac", .iam_action = "kms:VerifyMac", .handler = aws::Bind<Kms, &VerifyMac>};

}  // namespace strongroom::kms
