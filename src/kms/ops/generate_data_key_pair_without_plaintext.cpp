// Source: AWS KMS API Reference, "GenerateDataKeyPairWithoutPlaintext".
#include "kms/data_key.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> GenerateDataKeyPairWithoutPlaintext(Kms& kms, aws::Call& call) {
  return MakeDataKeyPair(kms, call, false);
}

}  // namespace

constinit const aws::Operation op::generate_data_key_pair_without_plaintext = {
    .target = "TrentService.GenerateDataKeyPairWithoutPlaintext",
    .iam_action = "kms:GenerateDataKeyPairWithoutPlaintext",
    .handler = aws::Bind<Kms, &GenerateDataKeyPairWithoutPlaintext>};

}  // namespace strongroom::kms
