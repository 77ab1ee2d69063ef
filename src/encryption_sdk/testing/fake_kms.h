#pragma once

#include <functional>
#include <mutex>
#include <set>

#include "crypto/aes_gcm.h"
#include "crypto/random.h"
#include "encryption_sdk/kms_port.h"

namespace strongroom::encryption_sdk::testing {

/// KMS in one Region, in memory: keys by ARN, names for them, and what was asked. Ciphertexts are sealed under a key
/// that all Regions share, so a multi-Region key opens in each. Its operations may be called from many threads at once;
/// the members are for a test that has none running, and Fail() is for one that has.
class FakeKms final : public KmsPort {
 public:
  explicit FakeKms(std::string region) : region_(std::move(region)) {}

  std::string_view Region() const noexcept override { return region_; }
  Result<KmsDataKey> GenerateDataKey(std::string_view key_id, std::size_t size_bytes, const EncryptionContext& context,
                                     const GrantTokens& tokens) override {
    SR_TRY(const std::string arn, Find("GenerateDataKey", key_id, tokens));
    SR_TRY(SecretBuffer key, crypto::RandomSecret(answer_bytes.value_or(size_bytes)));
    SR_TRY(Bytes sealed, Seal(arn, key, context));
    return KmsDataKey{std::move(key), std::move(sealed), answer_arn.value_or(arn)};
  }
  Result<KmsCiphertext> Encrypt(std::string_view key_id, const SecretBuffer& plaintext,
                                const EncryptionContext& context, const GrantTokens& tokens) override {
    SR_TRY(const std::string arn, Find("Encrypt", key_id, tokens));
    SR_TRY(Bytes sealed, Seal(arn, plaintext, context));
    return KmsCiphertext{std::move(sealed), answer_arn.value_or(arn)};
  }
  Result<KmsPlaintext> Decrypt(std::string_view key_id, ByteView ciphertext, const EncryptionContext& context,
                               const GrantTokens& tokens) override {
    SR_TRY(const std::string arn, Find("Decrypt", key_id, tokens));
    SR_TRY(const Bytes aad, Aad(arn, context));
    auto opened = crypto::AesGcmDecrypt(Shared(), {.iv = kIv, .aad = aad}, ciphertext);
    if (!opened.ok()) return Error(Errc::kBadCiphertext, "InvalidCiphertextException");
    if (answer_bytes) {
      SR_TRY(*opened, crypto::RandomSecret(*answer_bytes));
    }
    return KmsPlaintext{*std::move(opened), answer_arn.value_or(arn)};
  }
  Result<KmsKeyDescription> DescribeKey(std::string_view key_id, const GrantTokens& tokens) override {
    SR_TRY(std::string arn, Find("DescribeKey", key_id, tokens));
    return KmsKeyDescription{.arn = std::move(arn), .state = "Enabled"};
  }

  void Fail(Error how) {
    const std::lock_guard lock(mutex_);
    fails.emplace(std::move(how));
  }

  std::map<std::string, std::string, std::less<>> keys;  // identifier -> ARN
  std::optional<Error> fails;                            // every call
  std::optional<std::string> answer_arn;                 // in place of the right one
  std::optional<std::size_t> answer_bytes;
  std::vector<std::string> asked;  // "Decrypt arn:…"
  GrantTokens tokens_seen;

 private:
  static constexpr std::uint8_t kIv[12] = {};
  static const SecretBuffer& Shared() {
    static const SecretBuffer key = crypto::RandomSecret(32).value();
    return key;
  }
  Result<std::string> Find(std::string_view operation, std::string_view key_id, const GrantTokens& tokens) {
    const std::lock_guard lock(mutex_);
    asked.push_back(std::string(operation) + " " + std::string(key_id));
    tokens_seen = tokens;
    if (fails) return *fails;
    const auto found = keys.find(key_id);
    if (found == keys.end()) return Error(Errc::kNotFound, "NotFoundException");
    return found->second;
  }
  static Result<Bytes> Aad(const std::string& arn, const EncryptionContext& context) {
    SR_TRY(Bytes aad, Serialize(context));
    Append(aad, AsBytes(arn.substr(arn.rfind('/'))));
    return aad;
  }
  /// One IV for all: these keys guard nothing.
  static Result<Bytes> Seal(const std::string& arn, const SecretBuffer& key, const EncryptionContext& context) {
    SR_TRY(const Bytes aad, Aad(arn, context));
    return crypto::AesGcmEncrypt(Shared(), {.iv = kIv, .aad = aad}, key);
  }

  std::string region_;
  std::mutex mutex_;  // asked, tokens_seen, fails
};

/// One FakeKms for each Region; from many threads, too.
class FakeSupplier final : public KmsSupplier {
 public:
  Result<std::shared_ptr<KmsPort>> ForRegion(std::string_view region) override {
    return std::shared_ptr<KmsPort>(Port(region));
  }
  std::shared_ptr<FakeKms> Port(std::string_view region) {
    const std::lock_guard lock(mutex_);
    auto& port = ports_[std::string(region)];
    if (!port) port = std::make_shared<FakeKms>(std::string(region));
    return port;
  }
  /// A key of the Region, known under its ARN and, where given, other names.
  std::string AddKey(const std::string& region, const std::string& id, const std::vector<std::string>& names = {}) {
    const std::string arn = "arn:aws:kms:" + region + ":111122223333:key/" + id;
    Port(region)->keys[arn] = arn;
    for (const std::string& name : names) Port(region)->keys[name] = arn;
    return arn;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<FakeKms>> ports_;
};

}  // namespace strongroom::encryption_sdk::testing
