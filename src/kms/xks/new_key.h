#pragma once

#include "kms/pipeline.h"

namespace strongroom::kms {

/// Members of CreateKey for Origin EXTERNAL_KEY_STORE. Errors: kInvalidArgument, kUnsupported.
Status ParseExternalKeyOrigin(const aws::Call& call, KeyRow& row);

/// No other KMS key of the store is bound to the external key. Errors: kXksKeyAlreadyInUse.
Status RequireFreeExternalKey(store::Transaction& t, const KeyRow& row);

/// The external key is there and is what a KMS key needs (spec/kms.md 7.9). Errors: kCustomKeyStoreNotFound,
/// kCustomKeyStoreInvalidState, kXksKeyAlreadyInUse, kXksKeyNotFound, kXksKeyInvalidConfiguration, kUnsupported.
Task<Status> RequireExternalKey(Kms& kms, const aws::Call& call, const KeyRow& row);

}  // namespace strongroom::kms
