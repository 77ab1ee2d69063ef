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

aws::Reply Metadata(const KeyRow& row, KeyState state) {
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
  if (row.spec == "SYMMETRIC_DEFAULT" && !row.material_id.empty()) m.Text("CurrentKeyMaterialId", row.material_id);
  return m;
}

}  // namespace strongroom::kms
