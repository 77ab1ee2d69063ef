#include "encryption_sdk/raw_rsa_keyring.h"

#include "crypto/random.h"
#include "encryption_sdk/internal/keyring_rules.h"

namespace strongroom::encryption_sdk {
namespace {

class RawRsaKeyring final : public Keyring {
 public:
  explicit RawRsaKeyring(RawRsaOptions options)
      : options_(std::move(options)),
        info_(ToBytes(AsBytes(options_.name))),
        label_(fmt::format("raw RSA key {}/{}", options_.name_space, options_.name)) {}

  Status OnEncrypt(EncryptionMaterials& materials) const override {
    if (!options_.public_key) {
      return MakeError(ErrorCode::kInvalidArgument, label_ + " has no public key, so it cannot encrypt.");
    }
    SecretBuffer made;
    if (materials.data_key.empty()) {
      SR_TRY(made, crypto::RandomSecret(SuiteOf(materials.suite).key_bytes));
    }
    SR_TRY(Bytes wrapped,
           crypto::RsaWrap(*options_.public_key, options_.padding, made.empty() ? materials.data_key : made));
    materials.encrypted_data_keys.push_back({options_.name_space, info_, std::move(wrapped)});
    if (!made.empty()) materials.data_key = std::move(made);
    return {};
  }

  Status OnDecrypt(DecryptionMaterials& materials, std::span<const EncryptedDataKey> keys,
                   Causes& causes) const override {
    SR_CHECK(internal::RequireNoDataKey(materials));
    if (!options_.private_key) {
      const Error cause(Errc::kWrongKeyUsage, label_ + " has no private key here, so it cannot decrypt.");
      causes.push_back(cause);
      return NoDataKey({cause});
    }
    Causes own;
    for (const EncryptedDataKey& key : keys) {
      if (key.provider_id != options_.name_space || key.provider_info != info_) continue;
      auto opened = crypto::RsaUnwrap(*options_.private_key, options_.padding, key.ciphertext);
      if (opened.ok() && opened->size() == SuiteOf(materials.suite).key_bytes) {
        materials.data_key = *std::move(opened);
        return {};
      }
      // One text for bad padding and a wrong length: of v1.5, nobody shall learn which it was.
      own.push_back(internal::AttemptFailed(
          label_, opened.ok() ? Error(Errc::kBadCiphertext, "The ciphertext cannot be decrypted.") : opened.error()));
    }
    causes.insert(causes.end(), own.begin(), own.end());
    return NoDataKey(own);
  }

 private:
  RawRsaOptions options_;
  Bytes info_;
  std::string label_;
};

}  // namespace

Result<KeyringPtr> MakeRawRsaKeyring(RawRsaOptions options) {
  SR_CHECK(internal::CheckRawNames(options.name_space, options.name));
  if (!options.public_key && !options.private_key) {
    return MakeError(ErrorCode::kInvalidArgument, "A raw RSA keyring needs a public key, a private key, or both.");
  }
  if ((options.public_key && !crypto::IsRsa(options.public_key->spec())) ||
      (options.private_key && !crypto::IsRsa(options.private_key->spec()))) {
    return MakeError(ErrorCode::kInvalidArgument, "A raw RSA keyring needs RSA keys.");
  }
  if (options.padding == crypto::RsaPadding::kPkcs1V15 && !options.allow_pkcs1_v15) {
    return MakeError(ErrorCode::kInvalidArgument, "PKCS #1 v1.5 padding must be allowed explicitly; prefer OAEP.");
  }
  return KeyringPtr(std::make_shared<RawRsaKeyring>(std::move(options)));
}

}  // namespace strongroom::encryption_sdk
