// Source: AWS KMS API Reference, "GenerateDataKey".
#include "kms/data_key.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> GenerateDataKey(Kms& kms, aws::Call& call) { return MakeDataKey(kms, call, true); }

}  // namespace

constinit const aws::Operation op::generate_data_key = {.target = "TrentService.GenerateDataKey",
                                                        .iam_action = "kms:GenerateDataKey",
                                                        .handler = aws::Bind<Kms, &GenerateDataKey>};

}  // namespace strongroom::kms
