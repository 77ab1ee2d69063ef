#pragma once

#include "kms/pipeline.h"

namespace strongroom::kms {

/// GenerateDataKey and GenerateDataKeyWithoutPlaintext, which differ in what they show.
Task<Result<aws::Reply>> MakeDataKey(Kms& kms, aws::Call& call, bool show_plaintext);
/// The same for the pair operations.
Task<Result<aws::Reply>> MakeDataKeyPair(Kms& kms, aws::Call& call, bool show_plaintext);

}  // namespace strongroom::kms
