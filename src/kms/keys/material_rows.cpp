#include "kms/keys/material_rows.h"

#include <algorithm>

namespace strongroom::kms {
namespace {

using store::Blob;
using store::OrNull;
using store::Text;
using store::Value;

Value TokenOf(const Material& m) { return m.token.empty() ? Value(nullptr) : Blob(m.token); }
Value TypeOf(const Material& m) { return m.rotation_type ? Text(Name(*m.rotation_type)) : Value(nullptr); }

Material ReadMaterial(const store::Row& row) {
  Material material;
  material.id = row.Text(0);
  material.position = row.Int(1);
  material.state = MaterialStateOf(row.Text(2));
  material.token = row.Blob(3);
  material.created_millis = row.Int(4);
  material.rotated_millis = row.OptionalInt(5);
  if (!row.IsNull(6))
    material.rotation_type =
        row.Text(6) == Name(RotationType::kAutomatic) ? RotationType::kAutomatic : RotationType::kOnDemand;
  material.description = row.Text(7);
  material.valid_to_millis = row.OptionalInt(8);
  return material;
}

}  // namespace

Result<std::vector<Material>> LoadMaterials(store::Transaction& t, const KeyRow& k) {
  SR_TRY(const auto rows,
         t.Query("SELECT material_id, position, state, token, created_at, rotated_at, rotation_type, description, "
                 "valid_to FROM kms_materials WHERE account_id = $1 AND region = $2 AND key_id = $3 ORDER BY position",
                 {k.account, k.region, k.key_id}));
  std::vector<Material> materials;
  materials.reserve(rows.size());
  for (const store::Row& row : rows) materials.push_back(ReadMaterial(row));
  return materials;
}

Status InsertMaterial(store::Transaction& t, const KeyRow& k, const Material& m) {
  SR_CHECK(t.Execute(
      "INSERT INTO kms_materials (account_id, region, key_id, material_id, position, state, token, created_at, "
      "rotated_at, rotation_type, description, valid_to) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
      {k.account, k.region, k.key_id, m.id, m.position, Text(Name(m.state)), TokenOf(m), m.created_millis,
       OrNull(m.rotated_millis), TypeOf(m), m.description, OrNull(m.valid_to_millis)}));
  return {};
}

Status UpdateMaterial(store::Transaction& t, const KeyRow& k, const Material& m) {
  SR_TRY(const std::int64_t changed,
         t.Execute("UPDATE kms_materials SET state = $5, token = $6, rotated_at = $7, rotation_type = $8, description "
                   "= $9, valid_to = $10 WHERE account_id = $1 AND region = $2 AND key_id = $3 AND material_id = $4",
                   {k.account, k.region, k.key_id, m.id, Text(Name(m.state)), TokenOf(m), OrNull(m.rotated_millis),
                    TypeOf(m), m.description, OrNull(m.valid_to_millis)}));
  if (changed != 1) return Error(Errc::kConflict, "The key was changed at the same time. Try again.");
  return {};
}

Status DeleteMaterial(store::Transaction& t, const KeyRow& k, const std::string& material_id) {
  SR_CHECK(
      t.Execute("DELETE FROM kms_materials WHERE account_id = $1 AND region = $2 AND key_id = $3 AND material_id = $4",
                {k.account, k.region, k.key_id, material_id}));
  return {};
}

Status DeleteMaterials(store::Transaction& t, const KeyRow& k) {
  SR_CHECK(t.Execute("DELETE FROM kms_materials WHERE account_id = $1 AND region = $2 AND key_id = $3",
                     {k.account, k.region, k.key_id}));
  return {};
}

Result<std::vector<KeyRow>> KeysOfExpired(store::Transaction& t, std::int64_t now_millis, std::int64_t limit) {
  // DISTINCT would have SQLite read all materials in the order of their keys.
  SR_TRY(const auto rows, t.Query("SELECT account_id, region, key_id FROM kms_materials WHERE valid_to <= $1 "
                                  "ORDER BY valid_to LIMIT $2",
                                  {now_millis, limit}));
  std::vector<KeyRow> keys;
  for (const store::Row& row : rows) {
    const auto same = [&row](const KeyRow& key) {
      return key.account == row.Text(0) && key.region == row.Text(1) && key.key_id == row.Text(2);
    };
    if (std::ranges::any_of(keys, same)) continue;
    KeyRow& key = keys.emplace_back();
    key.account = row.Text(0);
    key.region = row.Text(1);
    key.key_id = row.Text(2);
  }
  return keys;
}

std::int64_t NextPosition(const KeyRow& key) noexcept {
  return key.materials.empty() ? 1 : key.materials.back().position + 1;
}

}  // namespace strongroom::kms
