#pragma once

#include <string>

#include "kms/keys/key_set.h"
#include "ports/audit.h"

namespace strongroom::kms {

class Kms;

// What KMS does by itself, for the audit trail (spec/kms.md 10.4). Each does nothing where there is no trail.

/// A key of a CloudHSM key store as the trail shows it: the JSON text of its handle and its id.
/// Source   AWS KMS Developer Guide, "CreateKey" and "ScheduleKeyDeletion" under "Examples of log entries".
std::string BackingKeyText(const KeyRow& key);

/// DeleteKey: a key's waiting period has passed. `destroyed`: so is its key in the customer's cluster.
void RecordDeleteKey(Kms& kms, const KeyRow& key, bool destroyed);
/// RotateKey for the key that was rotated (the first of the set), SynchronizeMultiRegionKey for its replicas.
void RecordRotation(Kms& kms, const std::vector<KeyRow>& set, std::string_view type, std::string_view previous_id);
/// DeleteExpiredKeyMaterial.
void RecordExpiry(Kms& kms, const KeyRow& key);

}  // namespace strongroom::kms
