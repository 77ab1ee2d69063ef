#include "kms/keys/metadata.h"

#include "crypto/kms_algorithms.h"

namespace strongroom::kms {

ports::WallTime ToWallTime(std::int64_t millis) noexcept { return ports::WallTime(std::chrono::milliseconds(millis)); }

void AddAlgorithms(aws::Reply& reply, const KeyRow& row) {
  const auto usage = crypto::FindKmsUsage(row.usage);
  const crypto::KmsSpec* spec = crypto::FindKmsSpec(row.spec);
  if (!usage || spec == nullptr) return;
  switch (*usage) {
    case crypto::KmsUsage::kEncryptDecrypt: reply.Texts("EncryptionAlgorithms", spec->AlgorithmsFor(*usage)); break;
    case crypto::KmsUsage::kSignVerify: reply.Texts("SigningAlgorithms", spec->AlgorithmsFor(*usage)); break;
    case crypto::KmsUsage::kGenerateVerifyMac: reply.Texts("MacAlgorithms", spec->AlgorithmsFor(*usage)); break;
    case crypto::KmsUsage::kKeyAgreement: reply.Texts("KeyAgreementAlgorithms", spec->AlgorithmsFor(*usage)); break;
  }
}

std::int64_t ToMillis(ports::WallTime time) noexcept {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

namespace {

/// What an imported key says of its material, while all of it is there.
void AddExpiration(aws::Reply& m, const KeyRow& row, std::int64_t now_millis) {
  if (row.origin != Origin::kExternal || !row.HasMaterial(now_millis)) return;
  std::optional<std::int64_t> first;
  for (const Material& material : row.materials)
    if (material.permanent() && material.valid_to_millis)
      first = std::min(first.value_or(*material.valid_to_millis), *material.valid_to_millis);
  if (first) m.Timestamp("ValidTo", ToWallTime(*first));
  m.Text("ExpirationModel", first ? "KEY_MATERIAL_EXPIRES" : "KEY_MATERIAL_DOES_NOT_EXPIRE");
}

aws::Reply ArnAndRegion(const KeyRow& row, const std::string& region) {
  aws::Reply one;
  one.Text("Arn", row.ArnIn(region)).Text("Region", region);
  return one;
}

void AddMultiRegion(aws::Reply& m, const KeyRow& row) {
  if (!row.multi_region) return;
  std::vector<aws::Reply> replicas;
  for (const std::string& region : row.relatives)
    if (region != row.primary_region) replicas.push_back(ArnAndRegion(row, region));
  aws::Reply configuration;
  configuration.Text("MultiRegionKeyType", row.replica() ? "REPLICA" : "PRIMARY")
      .Object("PrimaryKey", ArnAndRegion(row, row.primary_region))
      .Objects("ReplicaKeys", std::move(replicas));
  m.Object("MultiRegionConfiguration", std::move(configuration));
}

}  // namespace

aws::Reply Metadata(const KeyRow& row, KeyState state, std::int64_t now_millis) {
  aws::Reply m;
  m.Text("AWSAccountId", row.account)
      .Text("KeyId", row.key_id)
      .Text("Arn", row.Arn())
      .Timestamp("CreationDate", ToWallTime(row.created_millis))
      .Bool("Enabled", state == KeyState::kEnabled)
      .Text("Description", row.description)
      .Text("KeyUsage", row.usage)
      .Text("KeyState", std::string(Name(state)));
  if (row.deletion_millis) m.Timestamp("DeletionDate", ToWallTime(*row.deletion_millis));
  m.Text("Origin", std::string(Name(row.origin)));
  if (row.custom_key_store_id) m.Text("CustomKeyStoreId", *row.custom_key_store_id);
  if (row.cluster_id) m.Text("CloudHsmClusterId", *row.cluster_id);
  m.Text("KeyManager", "CUSTOMER").Text("CustomerMasterKeySpec", row.spec).Text("KeySpec", row.spec);
  AddAlgorithms(m, row);
  m.Bool("MultiRegion", row.multi_region);
  AddMultiRegion(m, row);
  if (row.pending_window_days && !row.deletion_millis) m.Int("PendingDeletionWindowInDays", *row.pending_window_days);
  if (row.xks_key_id) {
    aws::Reply xks;
    xks.Text("Id", *row.xks_key_id);
    m.Object("XksKeyConfiguration", std::move(xks));
  }
  AddExpiration(m, row, now_millis);
  if (row.symmetric() && !row.material_id.empty() && state != KeyState::kCreating)
    m.Text("CurrentKeyMaterialId", row.material_id);
  return m;
}

}  // namespace strongroom::kms
