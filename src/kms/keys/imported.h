#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kms/keys/key_set.h"

namespace strongroom::kms {

// The rules of imported key material (spec/kms.md 5.3 to 5.5), on the rows of a key and of the related keys of other
// Regions. Permanent materials that are missing keep their rows, so that only they can come back.

inline constexpr std::int64_t kLongestImportMillis = 365LL * 24 * 3600 * 1000;

/// kUnsupported for every origin but EXTERNAL.
Status RequireImported(const KeyRow& row);

/// What ImportKeyMaterial was asked to do with a material that has been unwrapped.
struct Import {
  enum class Type : std::uint8_t { kNew, kExisting };
  std::optional<Type> type;
  std::string id;  // of the material, as the HSM computed it
  Bytes token;
  std::optional<std::string> expected_id, description;
  std::optional<std::int64_t> valid_to_millis;
};
/// What may be refused before anything is unwrapped. Errors: kUnsupported; kInvalidArgument for an id that new material
/// is expected to have.
Status CheckImportType(const KeyRow& key, const Import& import);
/// Changes the materials of the set, whose first is the key that the material is for; the rows are written by the
/// caller. Errors: kIncorrectKeyMaterial, kInvalidState, and CheckImportType's.
Status PlaceMaterial(store::Transaction& t, std::vector<KeyRow>& set, const Import& import, std::int64_t now_millis);

/// The state of a material that comes next, where the keys of `set` have it: it waits until every Region has it, and
/// again when one has it no more.
MaterialState StateOfNext(std::span<const KeyRow> set, std::string_view id, std::int64_t now_millis);

/// Deletes a material of the set's first key. One that waits for its rotation goes altogether, from a primary key in
/// all Regions. False when it was not there.
Result<bool> RemoveMaterial(store::Transaction& t, std::vector<KeyRow>& set, const std::string& id);

/// Removes what has expired by the database's clock. All of it stays known, also what waits for its rotation: whether
/// this has been here or not, the same material can be imported again, and other material in its place only once it is
/// deleted. Until it has been here, the states of keys and materials say so all the same.
Task<void> ExpireMaterials(Kms& kms);

}  // namespace strongroom::kms
