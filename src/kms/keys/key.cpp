#include "kms/keys/key.h"

#include <algorithm>
#include <array>

#include "crypto/hash.h"
#include "crypto/random.h"
#include "wire/key_token.h"

namespace strongroom::kms {
namespace {

constexpr std::array<std::string_view, 4> kOrigins = {"AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"};

Result<MaterialId> ParseMaterialId(std::string_view hex) {
  MaterialId id{};
  SR_TRY(const Bytes bytes, FromHex(hex));
  if (bytes.size() != id.size()) return Error(Errc::kCorrupted, "A key's material id is damaged.");
  std::ranges::copy(bytes, id.begin());
  return id;
}

Status AddMaterials(Key& key) {
  for (const Material& material : key.row.materials) {
    if (!material.permanent()) continue;
    KeyMaterial usable;
    SR_TRY(usable.id, ParseMaterialId(material.id));
    // Keys of external key stores have no KeyMaterialId to show.
    if (key.row.origin != Origin::kExternalKeyStore) usable.text = material.id;
    usable.token = material.token;
    usable.binding = TokenBinding(key.row, material.id);
    // The current one is what most requests want.
    const bool current = material.state == MaterialState::kCurrent;
    key.materials.insert(current ? key.materials.begin() : key.materials.end(), std::move(usable));
  }
  if (key.materials.empty()) key.materials.push_back({{}, {}, {}, TokenBinding(key.row, key.row.material_id)});
  return {};
}

}  // namespace

std::string_view Name(Origin origin) noexcept { return kOrigins.at(static_cast<std::size_t>(origin)); }

Origin OriginOf(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kOrigins.size(); ++i)
    if (kOrigins.at(i) == name) return static_cast<Origin>(i);
  return Origin::kAwsKms;
}

bool KeyRow::HasMaterial(std::int64_t now_millis) const noexcept {
  if (origin != Origin::kExternal) return true;
  if (material_id.empty()) return false;
  return std::ranges::all_of(materials, [now_millis](const Material& material) {
    return !material.permanent() || material.usable(now_millis);
  });
}

StoreKind Key::store() const noexcept {
  switch (row.origin) {
    case Origin::kAwsKms:
    case Origin::kExternal: return StoreKind::kDomain;
    case Origin::kCloudHsm: return StoreKind::kCloudHsm;
    case Origin::kExternalKeyStore: return StoreKind::kExternal;
  }
  return StoreKind::kDomain;
}

const KeyMaterial* Key::Find(const MaterialId& id) const noexcept {
  const auto found = std::ranges::find(materials, id, &KeyMaterial::id);
  return found == materials.end() ? nullptr : &*found;
}

Bytes TokenBinding(const KeyRow& row, std::string_view material_id) {
  return wire::Encode({row.account, row.key_id, material_id, row.spec, row.usage});
}

Result<std::string> NewMaterialId(const KeyRow& row) {
  Bytes fresh(16);
  SR_CHECK(crypto::Random(fresh));
  return Hex(crypto::Sha256({AsBytes("strongroom material v1"), AsBytes(row.account), AsBytes(row.key_id), fresh}));
}

Result<KeyPtr> MakeKey(KeyRow row, KeyPolicies& policies) {
  auto key = std::make_shared<Key>();
  key->row = std::move(row);
  key->arn = key->row.Arn();
  SR_CHECK(AddMaterials(*key));
  BlobHeader header;
  header.store = key->store();
  header.account = key->row.account;
  header.key_id = key->row.key_id;
  header.material = key->current().id;
  key->blob_header = EncodeHeader(header);
  SR_TRY(key->policy, policies.Compile(key->row.policy, key->row.policy_principals));
  return KeyPtr(std::move(key));
}

}  // namespace strongroom::kms
