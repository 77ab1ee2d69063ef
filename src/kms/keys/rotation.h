#pragma once

#include <cstdint>

#include "kms/keys/key_set.h"

namespace strongroom::kms {

inline constexpr std::int64_t kDayMillis = 24LL * 3600 * 1000;

/// Automatic rotation is for symmetric keys whose material the domain store makes; `also_imported` lets EXTERNAL ones
/// through, which rotate on demand. Errors: kUnsupported, with AWS's text for the origin or without one for the spec.
Status RequireRotatable(const KeyRow& row, bool also_imported);

/// Makes `next` the CURRENT material in every row of the set, which keep the one before. `next` may be there already,
/// imported and pending; otherwise each row gets a copy.
Status RotateTo(store::Transaction& t, std::vector<KeyRow>& set, const Material& next, RotationType type,
                std::int64_t now_millis);

/// Ends an on-demand rotation that has been written down: makes the material and moves to it, in all Regions at once.
/// Whoever comes first does it; for others there is nothing left to do. Errors: the stores'.
Task<Status> FinishOnDemandRotation(Kms& kms, KeyRow key);
/// Rotates the key if its date has passed. Errors: likewise.
Task<Status> RotateIfDue(Kms& kms, KeyRow key);

/// What is due by the database's clock, and what a process that has ended left undone.
Task<void> RotateDueKeys(Kms& kms);

}  // namespace strongroom::kms
