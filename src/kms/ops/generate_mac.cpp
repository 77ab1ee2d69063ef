// Source: AWS KMS API Reference, "GenerateMac"; spec/kms.md 3.5.
#include "kms/message_use.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> GenerateMac(Kms& kms, aws::Call& call) {
  SR_CO_TRY(MessageUse use, ParseMessageUse(call, "MacAlgorithm"));
  SR_CO_TRY(const UsableKey usable, co_await UseForMessage(kms, call, use, "GENERATE_VERIFY_MAC"));
  SignedMessage& message = use.message;
  SR_CO_TRY(Bytes mac,
            co_await usable.store(kms).GenerateMac(*usable.key, message.algorithm, std::move(message.message)));
  aws::Reply reply;
  reply.Blob("Mac", std::move(mac)).Text("MacAlgorithm", message.algorithm).Text("KeyId", usable.key->arn);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::generate_mac = {
    .target = "TrentService.GenerateMac", .iam_action = "kms:GenerateMac", .handler = aws::Bind<Kms, &GenerateMac>};

}  // namespace strongroom::kms
