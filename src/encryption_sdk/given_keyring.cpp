#include "encryption_sdk/given_keyring.h"

#include "encryption_sdk/internal/keyring_rules.h"

namespace strongroom::encryption_sdk {
namespace {

class GivenDataKeyKeyring final : public Keyring {
 public:
  explicit GivenDataKeyKeyring(GivenDataKeys keys) : keys_(std::move(keys)) {}

  Status OnEncrypt(EncryptionMaterials&) const override {
    return MakeError(ErrorCode::kInvalidArgument, "Given data keys only decrypt.");
  }

  Status OnDecrypt(DecryptionMaterials& materials, std::span<const EncryptedDataKey> keys,
                   Causes& causes) const override {
    SR_CHECK(internal::RequireNoDataKey(materials));
    SR_TRY(const crypto::Sha256Digest digest, DigestOf(keys));
    const auto found = keys_.find(digest);
    if (found == keys_.end()) return NoDataKey({});
    if (found->second.size() != SuiteOf(materials.suite).key_bytes) {
      causes.push_back(internal::WrongKeyLength("given data key"));
      return NoDataKey({causes.back()});
    }
    SR_TRY(materials.data_key, found->second.Clone());
    return {};
  }

 private:
  GivenDataKeys keys_;
};

}  // namespace

KeyringPtr MakeGivenDataKeyKeyring(GivenDataKeys keys) {
  return std::make_shared<GivenDataKeyKeyring>(std::move(keys));
}

}  // namespace strongroom::encryption_sdk
