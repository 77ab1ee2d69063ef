#include <gtest/gtest.h>

#include "encryption_sdk/given_keyring.h"
#include "encryption_sdk/multi_keyring.h"
#include "encryption_sdk/raw_rsa_keyring.h"
#include "encryption_sdk/testing/messages.h"
#include "secret/peek_for_tests.h"

namespace strongroom::encryption_sdk {
namespace {

using crypto::RsaPadding;
using testing::CountingSecret;
using testing::Said;

const EncryptionContext kContext{{"a", "b"}};

EncryptionMaterials Fresh(SuiteId suite = SuiteId::k256Commit) { return {suite, kContext, {}, {}, {}, {}}; }
DecryptionMaterials ToOpen(SuiteId suite = SuiteId::k256Commit) { return {suite, kContext, {}, {}, {}}; }
KeyringPtr Aes(std::string name, std::uint8_t first = 0) {
  return MakeRawAesKeyring("sr", std::move(name), CountingSecret(first, 32)).value();
}
std::string Open(const KeyringPtr& keyring, const EncryptedDataKeys& keys, std::size_t* causes = nullptr) {
  DecryptionMaterials materials = ToOpen();
  Causes why;
  const Status done = keyring->OnDecrypt(materials, keys, why);
  EXPECT_EQ(done.ok(), !materials.data_key.empty());
  if (causes != nullptr) *causes = why.size();
  return Said(done);
}

TEST(RawAes, WrappingKeysOfEachLengthOpenWhatTheyWrapped) {
  for (const std::size_t size : {16, 24, 32}) {
    const KeyringPtr keyring = MakeRawAesKeyring("sr", "key", CountingSecret(9, size)).value();
    EncryptionMaterials materials = Fresh();
    ASSERT_TRUE(keyring->OnEncrypt(materials).ok());
    ASSERT_EQ(materials.encrypted_data_keys.size(), 1u);
    DecryptionMaterials opened = ToOpen();
    Causes causes;
    ASSERT_TRUE(keyring->OnDecrypt(opened, materials.encrypted_data_keys, causes).ok());
    EXPECT_TRUE(opened.data_key.EqualsInConstantTime(materials.data_key));
    EXPECT_EQ(Said(keyring->OnDecrypt(opened, materials.encrypted_data_keys, causes)), "InvalidArgument");
  }
}

struct AesRow {
  std::string name;
  std::function<void(EncryptedDataKey&)> change;
  std::string want;
  std::size_t causes;
};
class RawAesTable : public ::testing::TestWithParam<AesRow> {};
TEST_P(RawAesTable, ChoosesAsTheRowSays) {
  EncryptionMaterials materials = Fresh();
  ASSERT_TRUE(Aes("w1")->OnEncrypt(materials).ok());
  GetParam().change(materials.encrypted_data_keys[0]);
  std::size_t causes = 9;
  EXPECT_EQ(Open(Aes("w1"), materials.encrypted_data_keys, &causes), GetParam().want);
  EXPECT_EQ(causes, GetParam().causes);
}
INSTANTIATE_TEST_SUITE_P(
    EncryptionSdk, RawAesTable,
    ::testing::ValuesIn(std::vector<AesRow>{
        {"Untouched", [](EncryptedDataKey&) {}, "", 0},
        {"OtherNamespace", [](EncryptedDataKey& k) { k.provider_id = "other"; }, "NoDataKey", 0},
        {"InfoOneByteShort", [](EncryptedDataKey& k) { k.provider_info.pop_back(); }, "NoDataKey", 0},
        {"InfoOneByteLong", [](EncryptedDataKey& k) { k.provider_info.push_back(0); }, "NoDataKey", 0},
        {"TagLength96", [](EncryptedDataKey& k) { k.provider_info[5] = 96; }, "NoDataKey", 0},
        {"IvLength13", [](EncryptedDataKey& k) { k.provider_info[9] = 13; }, "NoDataKey", 0},
        {"CiphertextShort", [](EncryptedDataKey& k) { k.ciphertext.pop_back(); }, "NoDataKey", 0},
        {"CiphertextChanged", [](EncryptedDataKey& k) { k.ciphertext[3] ^= 1; }, "NoDataKey", 1},
        {"IvChanged", [](EncryptedDataKey& k) { k.provider_info.back() ^= 1; }, "NoDataKey", 1},
    }),
    [](const auto& info) { return info.param.name; });

TEST(RawAes, ANameThatBeginsAnotherDoesNotMatch) {
  EncryptionMaterials materials = Fresh();
  ASSERT_TRUE(Aes("w12")->OnEncrypt(materials).ok());
  EXPECT_EQ(Open(Aes("w1"), materials.encrypted_data_keys), "NoDataKey");
}

TEST(RawAes, TheRightKeyMayBeTheLastOfTen) {
  EncryptedDataKeys keys;
  for (int i = 0; i < 8; ++i) keys.push_back({"foreign", {1, 2}, {3}});
  EncryptionMaterials wrong = Fresh(), right = Fresh();
  ASSERT_TRUE(Aes("w1", 100)->OnEncrypt(wrong).ok());  // the same name, another key
  ASSERT_TRUE(Aes("w1")->OnEncrypt(right).ok());
  keys.push_back(wrong.encrypted_data_keys[0]);
  keys.push_back(right.encrypted_data_keys[0]);
  EXPECT_EQ(Open(Aes("w1"), keys), "");
  std::size_t causes = 0;
  EXPECT_EQ(Open(Aes("w1", 50), keys, &causes), "NoDataKey");
  EXPECT_EQ(causes, 2u);
}

TEST(RawAes, TheContextIsBound) {
  EncryptionMaterials materials = Fresh();
  ASSERT_TRUE(Aes("w1")->OnEncrypt(materials).ok());
  DecryptionMaterials other{SuiteId::k256Commit, {{"a", "c"}}, {}, {}, {}};
  Causes causes;
  EXPECT_EQ(Said(Aes("w1")->OnDecrypt(other, materials.encrypted_data_keys, causes)), "NoDataKey");
}

TEST(RawKeyrings, NamesAndKeysAreChecked) {
  const auto aes = [](std::string name_space, std::string name, std::size_t size) {
    return Said(MakeRawAesKeyring(std::move(name_space), std::move(name), CountingSecret(0, size)));
  };
  EXPECT_EQ(aes("sr", "w", 32), "");
  for (const std::size_t size : {1, 15, 17, 31, 33}) EXPECT_EQ(aes("sr", "w", size), "InvalidArgument");
  for (const std::string reserved : {"aws-kms", "aws-kms-rsa", "aws-kmsx"}) {
    EXPECT_EQ(aes(reserved, "w", 32), "InvalidArgument");
  }
  EXPECT_EQ(aes("", "w", 32), "InvalidArgument");
  EXPECT_EQ(aes("sr", "", 32), "InvalidArgument");
  EXPECT_EQ(aes("sr", "\xff", 32), "InvalidArgument");
}

const crypto::PrivateKey& RsaKey() {
  static const auto key = crypto::PrivateKey::Generate(crypto::KeySpec::kRsa2048).value();
  return key;
}
RawRsaOptions Rsa(RsaPadding padding, bool with_private = true) {
  RawRsaOptions options{.name_space = "sr", .name = "safe", .padding = padding, .public_key = RsaKey().public_key()};
  if (with_private) options.private_key = RsaKey();
  options.allow_pkcs1_v15 = true;
  return options;
}

class RawRsa : public ::testing::TestWithParam<RsaPadding> {};
TEST_P(RawRsa, OpensWhatItWrappedAndNothingElse) {
  const KeyringPtr keyring = MakeRawRsaKeyring(Rsa(GetParam())).value();
  EncryptionMaterials materials = Fresh();
  ASSERT_TRUE(keyring->OnEncrypt(materials).ok());
  EXPECT_EQ(AsText(materials.encrypted_data_keys[0].provider_info), "safe");
  EXPECT_EQ(Open(keyring, materials.encrypted_data_keys), "");

  const KeyringPtr without_private = MakeRawRsaKeyring(Rsa(GetParam(), false)).value();
  EXPECT_EQ(Open(without_private, materials.encrypted_data_keys), "NoDataKey");

  std::vector<std::string> texts;
  EncryptedDataKeys changed = materials.encrypted_data_keys, shortened = changed;
  // OpenSSL from 3.2 on answers bad v1.5 padding with random bytes of any length, so one of them may fit by chance.
  for (std::size_t at = 100; at < 110 && Open(keyring, changed) == ""; ++at) changed[0].ciphertext[at] ^= 1;
  shortened[0].ciphertext.pop_back();
  EncryptionMaterials other_length = Fresh(SuiteId::k128Sha256);
  ASSERT_TRUE(keyring->OnEncrypt(other_length).ok());
  for (const EncryptedDataKeys& keys : {changed, shortened, other_length.encrypted_data_keys}) {
    DecryptionMaterials opened = ToOpen();
    Causes causes;
    EXPECT_EQ(Said(keyring->OnDecrypt(opened, keys, causes)), "NoDataKey");
    ASSERT_EQ(causes.size(), 1u);
    texts.push_back(causes[0].public_message());
  }
  EXPECT_EQ(texts[0], texts[1]);
  EXPECT_EQ(texts[0], texts[2]) << "a wrong length looks as bad padding does";
}
INSTANTIATE_TEST_SUITE_P(EncryptionSdk, RawRsa,
                         ::testing::Values(RsaPadding::kPkcs1V15, RsaPadding::kOaepSha1, RsaPadding::kOaepSha256,
                                           RsaPadding::kOaepSha384, RsaPadding::kOaepSha512));

TEST(RawRsaOptions, AreChecked) {
  RawRsaOptions options = Rsa(RsaPadding::kPkcs1V15);
  options.allow_pkcs1_v15 = false;
  EXPECT_EQ(Said(MakeRawRsaKeyring(options)), "InvalidArgument");
  options = Rsa(RsaPadding::kOaepSha256);
  options.public_key = testing::SigningKeyOne(SuiteCurve::kP256).public_key();
  EXPECT_EQ(Said(MakeRawRsaKeyring(options)), "InvalidArgument");
  EXPECT_EQ(Said(MakeRawRsaKeyring({.name_space = "sr", .name = "n"})), "InvalidArgument");
  options = Rsa(RsaPadding::kOaepSha256);
  options.public_key.reset();
  EncryptionMaterials materials = Fresh();
  EXPECT_EQ(Said(MakeRawRsaKeyring(options).value()->OnEncrypt(materials)), "InvalidArgument");
}

TEST(RawRsaKeys, APublicKeyIsReadFromPem) {
  std::string pem = "-----BEGIN PUBLIC KEY-----\n";
  const std::string base64 = Base64(RsaKey().public_key().ToSpki());
  for (std::size_t at = 0; at < base64.size(); at += 64) pem += base64.substr(at, 64) + "\n";
  pem += "-----END PUBLIC KEY-----\n";
  const auto read = crypto::RsaPublicKeyFromPem(pem);
  ASSERT_TRUE(read.ok()) << read.error();
  EXPECT_TRUE(*read == RsaKey().public_key());
  EXPECT_FALSE(crypto::RsaPublicKeyFromPem("").ok());
  EXPECT_FALSE(crypto::RsaPublicKeyFromPem(pem + pem).ok());
  EXPECT_FALSE(crypto::RsaPublicKeyFromPem("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n").ok());
}

/// Fails whatever is asked of it.
class Failing final : public Keyring {
 public:
  Status OnEncrypt(EncryptionMaterials&) const override { return Error(Errc::kUnavailable, "KMS is away."); }
  Status OnDecrypt(DecryptionMaterials&, std::span<const EncryptedDataKey>, Causes& causes) const override {
    causes.emplace_back(Errc::kUnavailable, "KMS is away.");
    return NoDataKey({causes.back()});
  }
};

TEST(MultiKeyring, AnyChildOpensWhatAllWrapped) {
  const auto all = MakeMultiKeyring(Aes("w1"), {Aes("w2", 50), MakeMultiKeyring(nullptr, {Aes("w3", 70)}).value()});
  EncryptionMaterials materials = Fresh();
  ASSERT_TRUE((*all)->OnEncrypt(materials).ok());
  ASSERT_EQ(materials.encrypted_data_keys.size(), 3u);
  EXPECT_EQ(Open(Aes("w1"), materials.encrypted_data_keys), "");
  EXPECT_EQ(Open(Aes("w2", 50), materials.encrypted_data_keys), "");
  EXPECT_EQ(Open(Aes("w3", 70), materials.encrypted_data_keys), "");
  const auto failing_first = MakeMultiKeyring(std::make_shared<Failing>(), {Aes("w3", 70)}).value();
  EXPECT_EQ(Open(failing_first, materials.encrypted_data_keys), "");
  EXPECT_EQ(Said((*all)->OnEncrypt(materials)), "InvalidArgument") << "there is a data key already";
}

TEST(MultiKeyring, OneFailureFailsAllAndLeavesNothing) {
  for (const auto& keyring : {MakeMultiKeyring(std::make_shared<Failing>(), {Aes("w2")}).value(),
                              MakeMultiKeyring(Aes("w1"), {Aes("w2"), std::make_shared<Failing>()}).value()}) {
    EncryptionMaterials materials = Fresh();
    EXPECT_EQ(Said(keyring->OnEncrypt(materials)), "unavailable");
    EXPECT_TRUE(materials.data_key.empty());
    EXPECT_TRUE(materials.encrypted_data_keys.empty());
  }
  EncryptionMaterials materials = Fresh();
  EXPECT_EQ(Said(MakeMultiKeyring(nullptr, {Aes("w1")}).value()->OnEncrypt(materials)), "InvalidArgument");
  EXPECT_EQ(Said(MakeMultiKeyring(nullptr, {})), "InvalidArgument");
  EXPECT_EQ(Said(MakeMultiKeyring(nullptr, {nullptr})), "InvalidArgument");
}

TEST(MultiKeyring, KeepsEveryCauseAndWhetherItMayPass) {
  EncryptionMaterials materials = Fresh();
  ASSERT_TRUE(Aes("w1", 99)->OnEncrypt(materials).ok());
  const auto keyring = MakeMultiKeyring(Aes("w1"), {std::make_shared<Failing>()}).value();
  DecryptionMaterials opened = ToOpen();
  Causes causes;
  const Status done = keyring->OnDecrypt(opened, materials.encrypted_data_keys, causes);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(causes.size(), 2u);
  EXPECT_TRUE(IsRetryable(done.error()));
  EXPECT_NE(done.error().public_message().find("KMS is away."), std::string::npos);
  causes.clear();
  EXPECT_FALSE(IsRetryable(Aes("w1")->OnDecrypt(opened, materials.encrypted_data_keys, causes).error()));
}

TEST(GivenDataKeys, OpenTheMessagesTheyBelongTo) {
  const auto message = testing::Write(SuiteId::k256Commit, 16, 50);
  auto header = OpenHeader(*testing::WrappingCmm(), message.message);
  ASSERT_TRUE(header.ok()) << header.error();
  GivenDataKeys keys;
  keys.emplace(DigestOf(header->header.encrypted_data_keys).value(), std::move(header->materials.data_key));
  const CmmPtr cmm = MakeDefaultCmm(MakeGivenDataKeyKeyring(std::move(keys)));
  const auto read = DecryptMessage(*cmm, message.message);
  ASSERT_TRUE(read.ok()) << read.error();
  EXPECT_TRUE(std::ranges::equal(read->plaintext, testing::TextOf(50)));
  EXPECT_EQ(Said(DecryptMessage(*cmm, testing::Write(SuiteId::k256Commit, 16, 50).message)), "NoDataKey");
  EXPECT_EQ(Said(EncryptMessage(*cmm, {}, {})), "InvalidArgument");
}

}  // namespace
}  // namespace strongroom::encryption_sdk
