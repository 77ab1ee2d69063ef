#include "encryption_sdk/cmm.h"
#include "encryption_sdk/errors.h"
#include "encryption_sdk/internal/cmm_rules.h"
#include "encryption_sdk/internal/signing.h"

namespace strongroom::encryption_sdk {
namespace {

class DefaultCmm final : public Cmm {
 public:
  explicit DefaultCmm(KeyringPtr keyring) : keyring_(std::move(keyring)) {}

  Result<EncryptionMaterials> ForEncryption(const EncryptionRequest& request) override {
    EncryptionMaterials materials;
    SR_TRY(materials.suite, internal::SuiteFor(request));
    SR_CHECK(internal::CheckCallersContext(request.context));
    materials.context = request.context;
    const Suite& suite = SuiteOf(materials.suite);
    if (suite.signs()) {
      SR_TRY(materials.signing_key, crypto::PrivateKey::Generate(internal::KeySpecOf(suite.curve)));
      materials.context.emplace(kPublicKeyName, internal::EncodeVerificationKey(materials.signing_key->public_key()));
    }
    SR_CHECK(Serialize(materials.context));  // what no header holds asks no key
    SR_CHECK(keyring_->OnEncrypt(materials));
    if (materials.data_key.size() != suite.key_bytes || materials.encrypted_data_keys.empty()) {
      return MakeError(ErrorCode::kInvalidArgument, "The keyring gave no data key of the suite's length.");
    }
    return materials;
  }

  Result<DecryptionMaterials> ForDecryption(const DecryptionRequest& request) override {
    SR_CHECK(internal::CheckMayDecrypt(request.policy, request.suite));
    const Suite& suite = SuiteOf(request.suite);
    const auto public_key = request.context.find(kPublicKeyName);
    if (suite.signs() != (public_key != request.context.end())) {
      return MakeError(ErrorCode::kVerificationKeyMismatch,
                       suite.signs()
                           ? "The algorithm suite signs, but the encryption context has no public key."
                           : "The encryption context has a public key, but the algorithm suite does not sign.");
    }
    DecryptionMaterials materials;
    materials.suite = request.suite;
    if (suite.signs()) {
      SR_TRY(materials.verification_key, internal::DecodeVerificationKey(suite.curve, public_key->second));
    }
    SR_CHECK(internal::CheckReproduced(request.context, request.reproduced));
    materials.context = request.context;
    for (const auto& [key, value] : request.reproduced) {
      if (materials.context.emplace(key, value).second) materials.required_keys.push_back(key);
    }
    Causes causes;
    SR_CHECK(keyring_->OnDecrypt(materials, request.encrypted_data_keys, causes));
    if (materials.data_key.size() != suite.key_bytes) {
      return MakeError(ErrorCode::kInvalidArgument, "The keyring gave no data key of the suite's length.");
    }
    return materials;
  }

 private:
  KeyringPtr keyring_;
};

}  // namespace

CmmPtr MakeDefaultCmm(KeyringPtr keyring) { return std::make_shared<DefaultCmm>(std::move(keyring)); }

}  // namespace strongroom::encryption_sdk
