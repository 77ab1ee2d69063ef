// Source: AWS KMS API Reference, "DescribeKey".
#include "kms/keys/metadata.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> DescribeKey(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, std::move(key_id), {}));
  aws::Reply reply;
  reply.Object("KeyMetadata", Metadata(usable.key->row, usable.state, ToMillis(call.time)));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::describe_key = {
    .target = "TrentService.DescribeKey", .iam_action = "kms:DescribeKey", .handler = aws::Bind<Kms, &DescribeKey>};

}  // namespace strongroom::kms
