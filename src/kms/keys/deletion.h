#pragma once

#include "base/task.h"

namespace strongroom::kms {

class Kms;

/// Removes keys whose waiting period has passed by the database's clock, if that is trusted (store/clock_guard.h), with
/// their aliases and tags, and, best effort, their objects in a custom key store.
Task<void> DeleteDueKeys(Kms& kms);

/// Removes what an interrupted CreateKey left in a custom key store: rows without a handle, and HSM keys with their
/// label.
Task<void> RemoveHalfMadeKeys(Kms& kms);

}  // namespace strongroom::kms
