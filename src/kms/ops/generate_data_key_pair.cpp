// Source: AWS KMS API Reference, "GenerateDataKeyPair".
#include "kms/data_key.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> GenerateDataKeyPair(Kms& kms, aws::Call& call) { return MakeDataKeyPair(kms, call, true); }

}  // namespace

constinit const aws::Operation op::generate_data_key_pair = {.target = "TrentService.GenerateDataKeyPair",
                                                             .iam_action = "kms:GenerateDataKeyPair",
                                                             .handler = aws::Bind<Kms, &GenerateDataKeyPair>};

}  // namespace strongroom::kms
