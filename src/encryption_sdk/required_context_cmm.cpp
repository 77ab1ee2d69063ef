#include "encryption_sdk/cmm.h"
#include "encryption_sdk/errors.h"

namespace strongroom::encryption_sdk {
namespace {

class RequiredContextCmm final : public Cmm {
 public:
  RequiredContextCmm(CmmPtr inner, std::vector<std::string> required_keys)
      : inner_(std::move(inner)), required_keys_(std::move(required_keys)) {}

  Result<EncryptionMaterials> ForEncryption(const EncryptionRequest& request) override {
    SR_CHECK(RequireIn(request.context, "encrypt"));
    SR_TRY(EncryptionMaterials materials, inner_->ForEncryption(request));
    Add(materials.required_keys);
    return materials;
  }

  Result<DecryptionMaterials> ForDecryption(const DecryptionRequest& request) override {
    SR_CHECK(RequireIn(request.reproduced, "decrypt"));
    return inner_->ForDecryption(request);
  }

 private:
  Status RequireIn(const EncryptionContext& context, std::string_view doing) const {
    for (const std::string& key : required_keys_) {
      if (context.contains(key)) continue;
      return MakeError(ErrorCode::kInvalidArgument,
                       fmt::format("To {}, the encryption context given must have an entry \"{}\".", doing, key));
    }
    return {};
  }
  void Add(std::vector<std::string>& to) const {
    for (const std::string& key : required_keys_) {
      if (std::find(to.begin(), to.end(), key) == to.end()) to.push_back(key);
    }
  }

  CmmPtr inner_;
  std::vector<std::string> required_keys_;
};

}  // namespace

Result<CmmPtr> MakeRequiredContextCmm(CmmPtr inner, std::vector<std::string> required_keys) {
  std::sort(required_keys.begin(), required_keys.end());
  const bool twice = std::adjacent_find(required_keys.begin(), required_keys.end()) != required_keys.end();
  const bool reserved = std::any_of(required_keys.begin(), required_keys.end(),
                                    [](const std::string& key) { return key.starts_with(kReservedPrefix); });
  if (inner == nullptr || required_keys.empty() || twice || reserved) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "Required names of the encryption context are given once each and do not begin with aws-crypto-.");
  }
  return CmmPtr(std::make_shared<RequiredContextCmm>(std::move(inner), std::move(required_keys)));
}

}  // namespace strongroom::encryption_sdk
