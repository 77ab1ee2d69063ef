#include "kms/keys/imported.h"

#include <algorithm>

#include "base/log.h"
#include "kms/events.h"
#include "kms/keys/forgetting.h"
#include "kms/keys/material_rows.h"
#include "store/clock_guard.h"

namespace strongroom::kms {
namespace {

constexpr std::int64_t kBatch = 100;
constexpr MaterialState kWaits = MaterialState::kPendingMultiRegionImportAndRotation;

Material* Find(KeyRow& row, const std::string& id) {
  const auto found = std::ranges::find(row.materials, id, &Material::id);
  return found == row.materials.end() ? nullptr : &*found;
}

Error Incorrect(const KeyRow& key) {
  return Error(Errc::kIncorrectKeyMaterial, "The key material is not one of " + key.Arn() + ".");
}

Status SettlePending(store::Transaction& t, std::vector<KeyRow>& set, const std::string& id, std::int64_t now) {
  const MaterialState state = StateOfNext(set, id, now);
  for (KeyRow& row : set) {
    Material* material = Find(row, id);
    if (material == nullptr || material->permanent()) continue;
    material->state = state;
    SR_CHECK(UpdateMaterial(t, row, *material));
  }
  return {};
}

/// The material stays known, so that the same can come back.
Status TakeAway(store::Transaction& t, std::vector<KeyRow>& set, Material& material) {
  material.token.clear();
  material.valid_to_millis.reset();
  SR_CHECK(UpdateMaterial(t, set.front(), material));
  return material.permanent() ? Status{} : SettlePending(t, set, material.id, 0);
}

Status PlaceNew(store::Transaction& t, std::vector<KeyRow>& set, const Import& import, std::int64_t now) {
  KeyRow& key = set.front();
  if (Find(key, import.id) != nullptr)
    return Error(Errc::kIncorrectKeyMaterial,
                 "Key material (id: " + import.id + ") has been imported into " + key.Arn() + " before.");
  const auto pending = std::ranges::find_if(key.materials, [](const Material& m) { return !m.permanent(); });
  if (pending != key.materials.end())
    return Error(Errc::kInvalidState, "New key material (id: " + import.id + ") cannot be imported into KMS key " +
                                          key.Arn() + ", because another key material (id: " + pending->id +
                                          ") is pending rotation.");
  const bool first = key.materials.empty();
  for (KeyRow& row : set) {
    Material material;
    material.id = import.id;
    material.position = NextPosition(row);
    material.state = first ? MaterialState::kCurrent : kWaits;
    material.created_millis = now;
    if (&row == &key) {
      material.token = import.token;
      material.description = import.description.value_or("");
      material.valid_to_millis = import.valid_to_millis;
    }
    SR_CHECK(InsertMaterial(t, row, material));
    row.materials.push_back(std::move(material));
    if (first) row.material_id = import.id;
  }
  return SettlePending(t, set, import.id, now);
}

Status PlaceExisting(store::Transaction& t, std::vector<KeyRow>& set, const Import& import, std::int64_t now) {
  KeyRow& key = set.front();
  Material* material = Find(key, import.id);
  if (material == nullptr || (import.expected_id && *import.expected_id != import.id)) return Incorrect(key);
  material->token = import.token;
  material->valid_to_millis = import.valid_to_millis;
  if (import.description) material->description = *import.description;
  SR_CHECK(UpdateMaterial(t, key, *material));
  return material->permanent() ? Status{} : SettlePending(t, set, import.id, now);
}

Import::Type TypeOf(const KeyRow& key, std::optional<Import::Type> type) {
  return type.value_or(key.materials.empty() ? Import::Type::kNew : Import::Type::kExisting);
}

}  // namespace

MaterialState StateOfNext(std::span<const KeyRow> set, std::string_view id, std::int64_t now_millis) {
  const bool waits = std::ranges::any_of(set, [&](const KeyRow& row) {
    const auto own = std::ranges::find(row.materials, id, &Material::id);
    return row.multi_region && (own == row.materials.end() || !own->usable(now_millis));
  });
  return waits ? kWaits : MaterialState::kPendingRotation;
}

Status RequireImported(const KeyRow& row) {
  if (row.origin == Origin::kExternal) return {};
  return Error(Errc::kUnsupported,
               row.Arn() + " origin is " + std::string(Name(row.origin)) + " which is not valid for this operation.");
}

Status CheckImportType(const KeyRow& key, const Import& import) {
  if (TypeOf(key, import.type) == Import::Type::kExisting) return {};
  if (import.expected_id)
    return Error(Errc::kInvalidArgument, "KeyMaterialId is not valid when ImportType is NEW_KEY_MATERIAL.");
  SR_CHECK(RequirePrimary(key));
  if (key.materials.empty() || key.symmetric()) return {};
  return Error(Errc::kUnsupported, "New key material cannot be imported into " + key.Arn() +
                                       ": only symmetric encryption keys can have more than one key material.");
}

Status PlaceMaterial(store::Transaction& t, std::vector<KeyRow>& set, const Import& import, std::int64_t now_millis) {
  KeyRow& key = set.front();
  SR_CHECK(CheckImportType(key, import));
  const bool was_there = key.HasMaterial(now_millis);
  if (TypeOf(key, import.type) == Import::Type::kNew) {
    SR_CHECK(PlaceNew(t, set, import, now_millis));
  } else {
    SR_CHECK(PlaceExisting(t, set, import, now_millis));
  }
  if (!was_there && key.HasMaterial(now_millis)) key.enabled = true;
  return {};
}

Result<bool> RemoveMaterial(store::Transaction& t, std::vector<KeyRow>& set, const std::string& id) {
  KeyRow& key = set.front();
  Material* material = Find(key, id);
  if (material == nullptr) return false;
  const bool was_there = !material->token.empty();
  if (!material->permanent() && !key.replica()) {
    for (KeyRow& row : set) {
      SR_CHECK(DeleteMaterial(t, row, id));
      std::erase_if(row.materials, [&](const Material& m) { return m.id == id; });
    }
    return was_there;
  }
  SR_CHECK(TakeAway(t, set, *material));
  return was_there;
}

Task<void> ExpireMaterials(Kms& kms) {
  auto due = [](store::Transaction& t) -> Result<std::vector<KeyRow>> {
    SR_TRY(const bool trusted, store::ClockIsTrusted(t));
    if (!trusted) return std::vector<KeyRow>();
    SR_TRY(const std::int64_t now, t.NowMillis());
    return KeysOfExpired(t, now, kBatch);
  };
  auto keys = co_await kms.database().RunRead(std::move(due));
  if (!keys.ok()) co_return;
  for (const KeyRow& key : *keys) {
    if (kms.background().stopping()) co_return;
    struct Expired {
      std::vector<KeyRow> set;
      std::vector<Bytes> bindings;
    };
    auto expire = [key](store::Transaction& t) -> Result<Expired> {
      SR_TRY(const bool trusted, store::ClockIsTrusted(t));
      SR_TRY(auto set, LoadKeySet(t, key));
      if (!trusted || set.empty()) return Expired();
      SR_TRY(const std::int64_t now, t.NowMillis());
      // It may have been imported again meanwhile.
      std::vector<std::string> expired;
      for (Material& material : set.front().materials) {
        if (!material.valid_to_millis || *material.valid_to_millis > now) continue;
        SR_CHECK(TakeAway(t, set, material));
        expired.push_back(material.id);
      }
      if (expired.empty()) return Expired();
      SR_CHECK(UpdateKeySet(t, set));
      std::vector<Bytes> bindings = BindingsOf(set.front(), expired);
      return Expired{std::move(set), std::move(bindings)};
    };
    auto done = co_await kms.database().Run(std::move(expire));
    if (!done.ok()) {
      LogError("removing expired key material of " + key.Arn(), done.error());
      continue;
    }
    ForgetKeySet(kms, done->set);
    co_await ForgetInHsms(kms, std::move(done->bindings));
    if (done->set.empty()) continue;
    log::Info("removed expired key material of {}", key.Arn());
    RecordExpiry(kms, key);
  }
}

}  // namespace strongroom::kms
