#include "encryption_sdk/raw_aes_keyring.h"

#include "crypto/aes_gcm.h"
#include "crypto/random.h"
#include "encryption_sdk/internal/keyring_rules.h"
#include "encryption_sdk/internal/wire.h"

namespace strongroom::encryption_sdk {
namespace {

constexpr std::size_t kIvBytes = 12, kTagBytes = 16;

class RawAesKeyring final : public Keyring {
 public:
  RawAesKeyring(std::string name_space, std::string name, SecretBuffer key)
      : name_space_(std::move(name_space)), key_(std::move(key)) {
    info_ = ToBytes(AsBytes(name));
    internal::Put32(info_, kTagBytes * 8);
    internal::Put32(info_, kIvBytes);
    label_ = fmt::format("raw AES key {}/{}", name_space_, name);
  }

  Status OnEncrypt(EncryptionMaterials& materials) const override {
    SR_TRY(const Bytes aad, Serialize(materials.context));
    SecretBuffer made;
    if (materials.data_key.empty()) {
      SR_TRY(made, crypto::RandomSecret(SuiteOf(materials.suite).key_bytes));
    }
    std::array<std::uint8_t, kIvBytes> iv;
    SR_CHECK(crypto::Random(iv));
    SR_TRY(Bytes wrapped,
           crypto::AesGcmEncrypt(key_, {.iv = iv, .aad = aad}, made.empty() ? materials.data_key : made));
    Bytes info = info_;
    Append(info, iv);
    materials.encrypted_data_keys.push_back({name_space_, std::move(info), std::move(wrapped)});
    if (!made.empty()) materials.data_key = std::move(made);
    return {};
  }

  Status OnDecrypt(DecryptionMaterials& materials, std::span<const EncryptedDataKey> keys,
                   Causes& causes) const override {
    SR_CHECK(internal::RequireNoDataKey(materials));
    SR_TRY(const Bytes aad, Serialize(materials.context));
    Causes own;
    const std::size_t data_key_bytes = SuiteOf(materials.suite).key_bytes;
    for (const EncryptedDataKey& key : keys) {
      if (!Matches(key, data_key_bytes)) continue;
      auto opened =
          crypto::AesGcmDecrypt(key_, {.iv = ByteView(key.provider_info).last(kIvBytes), .aad = aad}, key.ciphertext);
      if (opened.ok()) {
        materials.data_key = *std::move(opened);
        return {};
      }
      own.push_back(internal::AttemptFailed(label_, opened.error()));
    }
    causes.insert(causes.end(), own.begin(), own.end());
    return NoDataKey(own);
  }

 private:
  bool Matches(const EncryptedDataKey& key, std::size_t data_key_bytes) const {
    return key.provider_id == name_space_ && key.provider_info.size() == info_.size() + kIvBytes &&
           std::equal(info_.begin(), info_.end(), key.provider_info.begin()) &&
           key.ciphertext.size() == data_key_bytes + kTagBytes;
  }

  std::string name_space_, label_;
  SecretBuffer key_;
  Bytes info_;  // up to the IV
};

}  // namespace

Result<KeyringPtr> MakeRawAesKeyring(std::string name_space, std::string name, SecretBuffer wrapping_key) {
  SR_CHECK(internal::CheckRawNames(name_space, name));
  if (wrapping_key.size() != 16 && wrapping_key.size() != 24 && wrapping_key.size() != 32) {
    return MakeError(ErrorCode::kInvalidArgument, "An AES wrapping key has 16, 24 or 32 bytes.");
  }
  return KeyringPtr(std::make_shared<RawAesKeyring>(std::move(name_space), std::move(name), std::move(wrapping_key)));
}

}  // namespace strongroom::encryption_sdk
