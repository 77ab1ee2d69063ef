#pragma once

#include "kms/pipeline.h"

namespace strongroom::kms {

// What CreateCustomKeyStore and UpdateCustomKeyStore do for EXTERNAL_KEY_STORE.

Task<Result<aws::Reply>> CreateExternalStore(Kms& kms, aws::Call& call);
/// The caller has been authorised; `known` is the store's row.
Task<Result<aws::Reply>> UpdateExternalStore(Kms& kms, aws::Call& call, CustomStoreRow known);

}  // namespace strongroom::kms
