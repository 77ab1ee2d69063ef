#pragma once

#include <string>
#include <vector>

#include "kms/keys/key.h"
#include "store/database.h"

namespace strongroom::kms {

// The statements on kms_materials. None goes to the change feed: whoever changes a material writes its key's row, too
// (UpdateKey), so that every cached copy of the key is dropped.

/// By position.
Result<std::vector<Material>> LoadMaterials(store::Transaction& t, const KeyRow& key);
Status InsertMaterial(store::Transaction& t, const KeyRow& key, const Material& material);
/// Writes everything but id, position and created_millis. Errors: kConflict when it is gone.
Status UpdateMaterial(store::Transaction& t, const KeyRow& key, const Material& material);
Status DeleteMaterial(store::Transaction& t, const KeyRow& key, const std::string& material_id);
Status DeleteMaterials(store::Transaction& t, const KeyRow& key);

/// Keys that have material which has expired, those first whose time was up first: account, Region and id only, each
/// once. Of `limit` materials.
Result<std::vector<KeyRow>> KeysOfExpired(store::Transaction& t, std::int64_t now_millis, std::int64_t limit);

/// The position of a material that comes next.
std::int64_t NextPosition(const KeyRow& key) noexcept;

}  // namespace strongroom::kms
