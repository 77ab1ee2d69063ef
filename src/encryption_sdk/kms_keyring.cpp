#include "encryption_sdk/kms_keyring.h"

#include "encryption_sdk/internal/keyring_rules.h"
#include "encryption_sdk/kms_arn.h"
#include "encryption_sdk/multi_keyring.h"

namespace strongroom::encryption_sdk {
namespace {

constexpr std::string_view kProvider = "aws-kms";
constexpr std::size_t kMostGrantTokens = 10;

/// What one Decrypt gives, checked: the answer must name the key that was asked, and fit the suite.
Result<SecretBuffer> AskToOpen(KmsPort& kms, const std::string& key_id, const EncryptedDataKey& key,
                               const DecryptionMaterials& materials, const GrantTokens& tokens) {
  auto answer = kms.Decrypt(key_id, key.ciphertext, materials.context, tokens);
  const std::string label = "AWS KMS key " + key_id;
  if (!answer.ok()) return internal::AttemptFailed(label, answer.error());
  if (answer->key_arn != key_id) {
    return Error(Errc::kIncorrectKey, fmt::format("{}: KMS answered for another key, {}.", label, answer->key_arn));
  }
  if (answer->plaintext.size() != SuiteOf(materials.suite).key_bytes) return internal::WrongKeyLength(label);
  return std::move(answer->plaintext);
}

/// The key's ARN in an entry of KMS. Errors: MalformedProviderInfo.
Result<KmsArn> ArnOf(const EncryptedDataKey& key) {
  auto arn = ParseKmsArn(AsText(key.provider_info));
  if (arn && arn->is_key()) return *std::move(arn);
  return MakeError(ErrorCode::kMalformedProviderInfo, "An encrypted data key of AWS KMS does not name a key's ARN.");
}

/// Tries the entries that `choose` gives a key id for, in order.
template <typename Choose>
Status OpenFirst(KmsPort& kms, DecryptionMaterials& materials, std::span<const EncryptedDataKey> keys,
                 const GrantTokens& tokens, Causes& causes, Choose choose) {
  SR_CHECK(internal::RequireNoDataKey(materials));
  std::vector<std::pair<std::string, const EncryptedDataKey*>> chosen;
  Causes own;
  for (const EncryptedDataKey& key : keys) {
    if (key.provider_id != kProvider) continue;
    SR_TRY(const KmsArn arn, ArnOf(key));
    std::string key_id = choose(arn, AsText(key.provider_info), own);
    if (!key_id.empty()) chosen.emplace_back(std::move(key_id), &key);
  }
  for (const auto& [key_id, key] : chosen) {
    auto opened = AskToOpen(kms, key_id, *key, materials, tokens);
    if (opened.ok()) {
      materials.data_key = *std::move(opened);
      return {};
    }
    own.push_back(opened.error());
  }
  causes.insert(causes.end(), own.begin(), own.end());
  return NoDataKey(own);
}

class KmsKeyring final : public Keyring {
 public:
  KmsKeyring(KmsKeyringOptions options, bool multi_region)
      : options_(std::move(options)), multi_region_(multi_region) {}

  Status OnEncrypt(EncryptionMaterials& materials) const override {
    const std::string label = "AWS KMS key " + options_.key_id;
    const bool generate = materials.data_key.empty();
    SecretBuffer made;
    EncryptedDataKey entry{std::string(kProvider), {}, {}};
    std::string arn;
    if (generate) {
      const std::size_t size = SuiteOf(materials.suite).key_bytes;
      SR_TRY(KmsDataKey answer,
             options_.kms->GenerateDataKey(options_.key_id, size, materials.context, options_.grant_tokens));
      if (answer.plaintext.size() != size) return internal::WrongKeyLength(label);
      made = std::move(answer.plaintext);
      entry.ciphertext = std::move(answer.ciphertext);
      arn = std::move(answer.key_arn);
    } else {
      SR_TRY(KmsCiphertext answer,
             options_.kms->Encrypt(options_.key_id, materials.data_key, materials.context, options_.grant_tokens));
      entry.ciphertext = std::move(answer.ciphertext);
      arn = std::move(answer.key_arn);
    }
    const auto parsed = ParseKmsArn(arn);
    if (!parsed || !parsed->is_key()) {
      return Error(Errc::kInternal, fmt::format("{}: KMS answered without the key's ARN.", label));
    }
    entry.provider_info = ToBytes(AsBytes(arn));
    materials.encrypted_data_keys.push_back(std::move(entry));
    if (generate) materials.data_key = std::move(made);
    return {};
  }

  Status OnDecrypt(DecryptionMaterials& materials, std::span<const EncryptedDataKey> keys,
                   Causes& causes) const override {
    return OpenFirst(*options_.kms, materials, keys, options_.grant_tokens, causes,
                     [this](const KmsArn&, std::string_view info, Causes&) {
                       const bool fits =
                           multi_region_ ? MultiRegionMatch(options_.key_id, info) : options_.key_id == info;
                       return fits ? options_.key_id : std::string();
                     });
  }

 private:
  KmsKeyringOptions options_;
  bool multi_region_;
};

class DiscoveryKeyring final : public Keyring {
 public:
  DiscoveryKeyring(std::shared_ptr<KmsPort> kms, std::optional<DiscoveryFilter> filter, GrantTokens tokens,
                   bool multi_region)
      : kms_(std::move(kms)), filter_(std::move(filter)), tokens_(std::move(tokens)), multi_region_(multi_region) {}

  Status OnEncrypt(EncryptionMaterials&) const override {
    return MakeError(ErrorCode::kInvalidArgument, "A discovery keyring only decrypts; name the keys to encrypt with.");
  }

  Status OnDecrypt(DecryptionMaterials& materials, std::span<const EncryptedDataKey> keys,
                   Causes& causes) const override {
    return OpenFirst(*kms_, materials, keys, tokens_, causes,
                     [this](KmsArn arn, std::string_view info, Causes& own) -> std::string {
                       if (!Passes(arn)) return {};
                       if (multi_region_ && arn.is_multi_region()) arn.region = kms_->Region();
                       if (arn.region == kms_->Region()) return arn.Text();
                       own.emplace_back(Errc::kIncorrectKey,
                                        fmt::format("AWS KMS key {}: other Region than {}.", info, kms_->Region()));
                       return {};
                     });
  }

 private:
  bool Passes(const KmsArn& arn) const {
    return !filter_ ||
           (arn.partition == filter_->partition &&
            std::find(filter_->accounts.begin(), filter_->accounts.end(), arn.account) != filter_->accounts.end());
  }

  std::shared_ptr<KmsPort> kms_;
  std::optional<DiscoveryFilter> filter_;
  GrantTokens tokens_;
  bool multi_region_;
};

Status CheckCommon(const std::shared_ptr<KmsPort>& kms, const GrantTokens& tokens) {
  if (kms == nullptr) return MakeError(ErrorCode::kInvalidArgument, "A KMS keyring needs a KMS client.");
  if (tokens.size() > kMostGrantTokens) {
    return MakeError(ErrorCode::kInvalidArgument, "KMS takes at most 10 grant tokens.");
  }
  return {};
}

Result<KeyringPtr> MakeOne(KmsKeyringOptions options, bool multi_region) {
  SR_CHECK(CheckCommon(options.kms, options.grant_tokens));
  const std::string& id = options.key_id;
  if (id.empty() || id.size() > 2048 || !IsUtf8(id) || (id.starts_with("arn:") && !ParseKmsArn(id))) {
    return MakeError(ErrorCode::kInvalidArgument, "A KMS key is given as key ARN, alias ARN, key id or alias/name.");
  }
  return KeyringPtr(std::make_shared<KmsKeyring>(std::move(options), multi_region));
}

Result<KeyringPtr> MakeDiscovery(std::shared_ptr<KmsPort> kms, std::optional<DiscoveryFilter> filter,
                                 GrantTokens tokens, bool multi_region) {
  SR_CHECK(CheckCommon(kms, tokens));
  if (filter) {
    const auto& accounts = filter->accounts;
    if (filter->partition.empty() || accounts.empty() ||
        std::find(accounts.begin(), accounts.end(), std::string()) != accounts.end()) {
      return MakeError(ErrorCode::kInvalidArgument, "A discovery filter has a partition and at least one account.");
    }
  }
  return KeyringPtr(
      std::make_shared<DiscoveryKeyring>(std::move(kms), std::move(filter), std::move(tokens), multi_region));
}

/// Two keyrings for one multi-Region key would ask for the same key twice. Source: specification, "Assert AWS KMS
/// MRKs are unique".
Status CheckMultiRegionUnique(const std::vector<std::string>& ids) {
  std::map<std::string, std::vector<std::string>> by_key;
  for (const std::string& id : ids) {
    if (const auto arn = ParseKmsArn(id); arn && arn->is_multi_region()) by_key[arn->id].push_back(id);
  }
  std::string twice;
  for (const auto& [key, named] : by_key) {
    for (const std::string& id : named) {
      if (named.size() > 1) twice += (twice.empty() ? "" : ", ") + id;
    }
  }
  if (twice.empty()) return {};
  return MakeError(ErrorCode::kInvalidArgument, "Related multi-Region keys are given more than once: " + twice);
}

Result<KeyringPtr> MakeSet(KmsSupplier& supplier, std::string generator, std::vector<std::string> others,
                           const GrantTokens& tokens, bool multi_region) {
  std::vector<std::string> all = others;
  if (!generator.empty()) all.push_back(generator);
  if (multi_region) SR_CHECK(CheckMultiRegionUnique(all));
  const auto make = [&](const std::string& id) -> Result<KeyringPtr> {
    const auto arn = ParseKmsArn(id);
    if (!arn) return MakeError(ErrorCode::kInvalidArgument, "A set of KMS keys is given by ARNs.");
    SR_TRY(std::shared_ptr<KmsPort> kms, supplier.ForRegion(arn->region));
    return MakeOne({id, std::move(kms), tokens}, multi_region);
  };
  KeyringPtr first;
  if (!generator.empty()) {
    SR_TRY(first, make(generator));
  }
  std::vector<KeyringPtr> children;
  for (const std::string& id : others) {
    SR_TRY(KeyringPtr child, make(id));
    children.push_back(std::move(child));
  }
  return MakeMultiKeyring(std::move(first), std::move(children));
}

Result<KeyringPtr> MakeDiscoverySet(KmsSupplier& supplier, const std::vector<std::string>& regions,
                                    const std::optional<DiscoveryFilter>& filter, const GrantTokens& tokens,
                                    bool multi_region) {
  std::vector<KeyringPtr> children;
  for (const std::string& region : regions) {
    if (region.empty()) return MakeError(ErrorCode::kInvalidArgument, "A Region is empty.");
    SR_TRY(std::shared_ptr<KmsPort> kms, supplier.ForRegion(region));
    SR_TRY(KeyringPtr child, MakeDiscovery(std::move(kms), filter, tokens, multi_region));
    children.push_back(std::move(child));
  }
  if (children.empty()) return MakeError(ErrorCode::kInvalidArgument, "Discovery needs at least one Region.");
  return MakeMultiKeyring(nullptr, std::move(children));
}

}  // namespace

Result<KeyringPtr> MakeKmsKeyring(KmsKeyringOptions options) { return MakeOne(std::move(options), false); }
Result<KeyringPtr> MakeKmsMrkKeyring(KmsKeyringOptions options) { return MakeOne(std::move(options), true); }

Result<KeyringPtr> MakeKmsDiscoveryKeyring(std::shared_ptr<KmsPort> kms, std::optional<DiscoveryFilter> filter,
                                           GrantTokens grant_tokens) {
  return MakeDiscovery(std::move(kms), std::move(filter), std::move(grant_tokens), false);
}
Result<KeyringPtr> MakeKmsMrkDiscoveryKeyring(std::shared_ptr<KmsPort> kms, std::optional<DiscoveryFilter> filter,
                                              GrantTokens grant_tokens) {
  return MakeDiscovery(std::move(kms), std::move(filter), std::move(grant_tokens), true);
}

Result<KeyringPtr> MakeKmsKeyrings(KmsSupplier& supplier, std::string generator, std::vector<std::string> others,
                                   const GrantTokens& grant_tokens) {
  return MakeSet(supplier, std::move(generator), std::move(others), grant_tokens, false);
}
Result<KeyringPtr> MakeKmsMrkKeyrings(KmsSupplier& supplier, std::string generator, std::vector<std::string> others,
                                      const GrantTokens& grant_tokens) {
  return MakeSet(supplier, std::move(generator), std::move(others), grant_tokens, true);
}
Result<KeyringPtr> MakeKmsDiscoveryKeyrings(KmsSupplier& supplier, const std::vector<std::string>& regions,
                                            std::optional<DiscoveryFilter> filter, const GrantTokens& grant_tokens) {
  return MakeDiscoverySet(supplier, regions, filter, grant_tokens, false);
}
Result<KeyringPtr> MakeKmsMrkDiscoveryKeyrings(KmsSupplier& supplier, const std::vector<std::string>& regions,
                                               std::optional<DiscoveryFilter> filter, const GrantTokens& grant_tokens) {
  return MakeDiscoverySet(supplier, regions, filter, grant_tokens, true);
}

}  // namespace strongroom::encryption_sdk
