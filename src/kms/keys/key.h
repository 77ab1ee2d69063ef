#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "kms/access/labels.h"
#include "kms/blob/blob.h"
#include "kms/keys/key_policies.h"
#include "kms/keys/material.h"
#include "ports/authorizer.h"

namespace strongroom::kms {

enum class Origin : std::uint8_t { kAwsKms, kExternal, kCloudHsm, kExternalKeyStore };
std::string_view Name(Origin origin) noexcept;
Origin OriginOf(std::string_view name) noexcept;

/// What a key is in the middle of, until a background step ends it.
enum class Transition : std::uint8_t { kNone, kCreating, kUpdating };

/// A KMS key as its row has it. Times are milliseconds since 1970 by the database's clock.
struct KeyRow {
  std::string account, region, key_id;
  std::string spec = "SYMMETRIC_DEFAULT";
  std::string usage = "ENCRYPT_DECRYPT";
  Origin origin = Origin::kAwsKms;
  bool enabled = true;
  std::int64_t created_millis = 0;
  std::optional<std::int64_t> deletion_millis;
  /// A primary key whose deletion waits for its replicas: PendingReplicaDeletion.
  std::optional<std::int64_t> pending_window_days;
  Transition transition = Transition::kNone;
  std::string description;
  std::string policy;
  std::string policy_principals;  // as ports::TextOf has them
  std::optional<std::string> custom_key_store_id, cluster_id;
  std::optional<std::int64_t> hsm_handle;  // CloudHSM store
  std::optional<std::string> xks_key_id;   // external key store
  std::int64_t version = 1;
  std::int64_t grant_count = 0;  // as LoadKey saw it

  // Keys of the domain store. Shared by the Regions of a multi-Region key, but for the tokens and their expiry.
  std::string material_id;          // of the CURRENT material, 64 hex digits; empty while there is none
  std::vector<Material> materials;  // by position; LoadKey's rows have them
  bool rotation_enabled = false;
  std::int64_t rotation_period_days = 365;
  std::optional<std::int64_t> rotation_next_millis;
  std::int64_t on_demand_rotations = 0;
  std::optional<std::int64_t> on_demand_started_millis;  // one that has not ended

  bool multi_region = false;
  std::string primary_region;          // of multi-Region keys
  std::vector<std::string> relatives;  // Regions that have a key of this id, this one too; LoadKey's rows have them

  std::string Arn() const { return ArnIn(region); }
  std::string ArnIn(std::string_view in_region) const {
    return "arn:aws:kms:" + std::string(in_region) + ":" + account + ":key/" + key_id;
  }
  bool symmetric() const noexcept { return spec == "SYMMETRIC_DEFAULT"; }
  bool replica() const noexcept { return multi_region && primary_region != region; }
  /// Every permanent material is there and not expired. True for keys that are not in the domain store.
  bool HasMaterial(std::int64_t now_millis) const noexcept;
};

/// One material as requests need it.
struct KeyMaterial {
  MaterialId id{};        // zeros for keys that are not in the domain store
  std::string_view text;  // the id as answers have it; in Key::row, as the token is
  ByteView token;
  Bytes binding;  // what the token is bound to (docs/formats.md 5)
};

/// A key ready for use: immutable, shared by the requests that use it, replaced when its row changes.
struct Key {
  Key() = default;
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  KeyRow row;
  std::string arn;
  Bytes blob_header;  // of ciphertexts that it makes
  /// The permanent ones, the current one first; never empty: one without a token stands for none.
  std::vector<KeyMaterial> materials;
  std::shared_ptr<const ports::Policy> policy;
  mutable std::atomic<KeyLabelsPtr> labels;  // null until somebody has read them

  bool symmetric() const noexcept { return row.symmetric(); }
  StoreKind store() const noexcept;
  const KeyMaterial& current() const noexcept { return materials.front(); }
  /// The material that made a ciphertext, or null.
  const KeyMaterial* Find(const MaterialId& id) const noexcept;
  /// KeyMaterialId of answers about a ciphertext of this material; empty where there is none to show.
  std::string_view MaterialIdText(const KeyMaterial& material) const noexcept {
    return symmetric() && !row.material_id.empty() ? material.text : std::string_view();
  }
};
using KeyPtr = std::shared_ptr<const Key>;

/// Compiles the policy, unless another key has the same, and derives the rest. Errors: kMalformedPolicy, kCorrupted.
Result<KeyPtr> MakeKey(KeyRow row, KeyPolicies& policies);
/// The canonical binding of a material's token (docs/formats.md 5). It does not name the Region.
Bytes TokenBinding(const KeyRow& row, std::string_view material_id);
/// A fresh KeyMaterialId for material that an HSM is to make: names it by public facts. Errors: kInternal.
Result<std::string> NewMaterialId(const KeyRow& row);

}  // namespace strongroom::kms
