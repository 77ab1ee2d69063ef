#pragma once

#include <functional>
#include <vector>

#include "kms/pipeline.h"

namespace strongroom::kms {

// What the keys of a multi-Region key have in common is written in each one's row, in one transaction. For other keys
// the set is the key itself.

/// The key, and after it the related keys of other Regions. Empty when the key is gone.
Result<std::vector<KeyRow>> LoadKeySet(store::Transaction& t, const KeyRow& key);
/// UpdateKey on each of them.
Status UpdateKeySet(store::Transaction& t, const std::vector<KeyRow>& set);
/// Drops what this front end has cached of them.
void ForgetKeySet(Kms& kms, const std::vector<KeyRow>& set);

/// As ChangeKey, for the whole set; its first is the key. The state that is checked is the key's.
using ChangeSet = std::function<Status(store::Transaction&, std::vector<KeyRow>& set)>;
Task<Result<KeyRow>> ChangeKeySet(Kms& kms, KeyPtr key, StateSet states, ChangeSet change);

/// kUnsupported for a replica: what it was asked for is the primary key's to change.
Status RequirePrimary(const KeyRow& row);
/// kUnsupported unless it is a multi-Region primary key.
Status RequireMultiRegionPrimary(const KeyRow& row);

/// The keys, as LoadKey has them, that fit the end of a SELECT on kms_keys.
Result<std::vector<KeyRow>> LoadThose(store::Transaction& t, std::string_view where,
                                      std::initializer_list<store::Value> values);

/// Ends Creating and Updating, wherever they are found: all that they stand for has been committed with them.
Task<void> EndTransitions(Kms& kms);
/// The same in the background, at once.
void BeginToEndTransitions(Kms& kms);

}  // namespace strongroom::kms
