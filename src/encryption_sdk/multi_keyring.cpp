#include "encryption_sdk/multi_keyring.h"

#include "encryption_sdk/internal/keyring_rules.h"

namespace strongroom::encryption_sdk {
namespace {

class MultiKeyring final : public Keyring {
 public:
  MultiKeyring(KeyringPtr generator, std::vector<KeyringPtr> children)
      : generator_(std::move(generator)), children_(std::move(children)) {}

  Status OnEncrypt(EncryptionMaterials& materials) const override {
    const bool had_key = !materials.data_key.empty();
    if (had_key == (generator_ != nullptr)) {
      return MakeError(ErrorCode::kInvalidArgument,
                       had_key ? "The materials hold a data key already, so the generator has nothing to make."
                               : "Without a generator a multi-keyring can only wrap a data key that is there.");
    }
    const std::size_t before = materials.encrypted_data_keys.size();
    const Status done = All(materials);
    if (done.ok()) return {};
    materials.encrypted_data_keys.resize(before);
    if (!had_key) materials.data_key = SecretBuffer();
    return done;
  }

  Status OnDecrypt(DecryptionMaterials& materials, std::span<const EncryptedDataKey> keys,
                   Causes& causes) const override {
    SR_CHECK(internal::RequireNoDataKey(materials));
    Causes own;
    const auto opens = [&](const KeyringPtr& child) {
      const std::size_t before = own.size();
      const Status done = child->OnDecrypt(materials, keys, own);
      if (!done.ok() && own.size() == before && CodeOf(done.error()) != ErrorCode::kNoDataKey) {
        own.push_back(done.error());
      }
      return done.ok();
    };
    if (generator_ != nullptr && opens(generator_)) return {};
    for (const KeyringPtr& child : children_) {
      if (opens(child)) return {};
    }
    causes.insert(causes.end(), own.begin(), own.end());
    return NoDataKey(own);
  }

 private:
  Status All(EncryptionMaterials& materials) const {
    if (generator_ != nullptr) {
      SR_CHECK(generator_->OnEncrypt(materials));
      if (materials.data_key.empty()) {
        return MakeError(ErrorCode::kInvalidArgument, "The generator made no data key.");
      }
    }
    for (const KeyringPtr& child : children_) SR_CHECK(child->OnEncrypt(materials));
    return {};
  }

  KeyringPtr generator_;
  std::vector<KeyringPtr> children_;
};

}  // namespace

Result<KeyringPtr> MakeMultiKeyring(KeyringPtr generator, std::vector<KeyringPtr> children) {
  const bool hole = std::find(children.begin(), children.end(), nullptr) != children.end();
  if (hole || (generator == nullptr && children.empty())) {
    return MakeError(ErrorCode::kInvalidArgument, "A multi-keyring needs a generator or at least one child.");
  }
  return KeyringPtr(std::make_shared<MultiKeyring>(std::move(generator), std::move(children)));
}

}  // namespace strongroom::encryption_sdk
