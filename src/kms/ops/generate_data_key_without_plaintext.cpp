// Source: AWS KMS API Reference, "GenerateDataKeyWithoutPlaintext".
#include "kms/data_key.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> GenerateDataKeyWithoutPlaintext(Kms& kms, aws::Call& call) {
  return MakeDataKey(kms, call, false);
}

}  // namespace

constinit const aws::Operation op::generate_data_key_without_plaintext = {
    .target = "TrentService.GenerateDataKeyWithoutPlaintext",
    .iam_action = "kms:GenerateDataKeyWithoutPlaintext",
    .handler = aws::Bind<Kms, &GenerateDataKeyWithoutPlaintext>};

}  // namespace strongroom::kms
