// Keys of every spec and usage: making them, what their metadata and GetPublicKey say.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "crypto/kms_algorithms.h"
#include "kms/testing/fake_service.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;
using crypto::KmsUsage;

std::string Arn(const std::string& id) { return "arn:aws:kms:eu-central-1:111122223333:key/" + id; }
constexpr KmsUsage kUsages[] = {KmsUsage::kEncryptDecrypt, KmsUsage::kSignVerify, KmsUsage::kGenerateVerifyMac,
                                KmsUsage::kKeyAgreement};
std::string MemberOf(KmsUsage usage) {
  switch (usage) {
    case KmsUsage::kEncryptDecrypt: return "EncryptionAlgorithms";
    case KmsUsage::kSignVerify: return "SigningAlgorithms";
    case KmsUsage::kGenerateVerifyMac: return "MacAlgorithms";
    default: return "KeyAgreementAlgorithms";
  }
}
json::array Names(const std::vector<std::string>& names) {
  json::array all;
  for (const std::string& name : names) all.emplace_back(name);
  return all;
}

/// What this OpenSSL cannot do.
bool CannotBeMade(const crypto::KmsSpec& spec, KmsUsage usage) {
  return (spec.pair && !crypto::Available(*spec.pair)) || (spec.name == "SM2" && usage == KmsUsage::kKeyAgreement);
}

class SpecTable : public ::testing::TestWithParam<crypto::KmsSpec> {};
TEST_P(SpecTable, EveryUsageIsMadeAndShownOrRefusedClearly) {
  const crypto::KmsSpec& spec = GetParam();
  FakeService service;
  service.RestartWithSm2();
  for (const KmsUsage usage : kUsages) {
    const json::object request{{"KeySpec", std::string(spec.name)}, {"KeyUsage", std::string(Name(usage))}};
    const Answer made = service.Call("CreateKey", request);
    SCOPED_TRACE(std::string(spec.name) + " " + std::string(Name(usage)) + " " + made.raw);
    if (!spec.Allows(usage)) {
      EXPECT_EQ(made.type, "ValidationException");
      EXPECT_EQ(made.message,
                "KeyUsage " + std::string(Name(usage)) + " is not valid for KeySpec " + std::string(spec.name) + ".");
      continue;
    }
    if (CannotBeMade(spec, usage) && spec.pair && !crypto::Available(*spec.pair)) {
      EXPECT_EQ(made.type, "UnsupportedOperationException");
      EXPECT_EQ(made.message, "KeySpec " + std::string(spec.name) + " with KeyUsage " + std::string(Name(usage)) +
                                  " is not supported by the cryptographic library of this deployment's HSMs.");
      continue;
    }
    ASSERT_TRUE(made.ok());
    EXPECT_EQ(made.Text("KeyMetadata.KeySpec"), spec.name);
    EXPECT_EQ(made.Text("KeyMetadata.CustomerMasterKeySpec"), spec.name);
    EXPECT_EQ(made.Text("KeyMetadata.KeyUsage"), Name(usage));
    const json::object& metadata = made.body.at("KeyMetadata").as_object();
    for (const KmsUsage other : kUsages) {
      const json::value* shown = metadata.if_contains(MemberOf(other));
      ASSERT_EQ(shown != nullptr, other == usage) << MemberOf(other);
      if (shown != nullptr) {
        EXPECT_EQ(shown->as_array(), Names(spec.AlgorithmsFor(usage)));
      }
    }
    EXPECT_EQ(metadata.contains("CurrentKeyMaterialId"), spec.name == "SYMMETRIC_DEFAULT");
    const std::string id = made.Text("KeyMetadata.KeyId");
    EXPECT_EQ(service.Call("DescribeKey", {{"KeyId", id}}).body, made.body);

    const Answer got = service.Call("GetPublicKey", {{"KeyId", id}});
    if (!spec.pair) {
      EXPECT_EQ(got.type, "UnsupportedOperationException");
      EXPECT_EQ(got.message,
                Arn(id) + " key spec is " + std::string(spec.name) + " which is not valid for GetPublicKey.");
      continue;
    }
    ASSERT_TRUE(got.ok()) << got.raw;
    EXPECT_EQ(got.body.as_object().size(), 6u);
    EXPECT_EQ(got.Text("KeyId"), Arn(id));
    EXPECT_EQ(got.Text("KeySpec"), spec.name);
    EXPECT_EQ(got.Text("CustomerMasterKeySpec"), spec.name);
    EXPECT_EQ(got.Text("KeyUsage"), Name(usage));
    EXPECT_EQ(got.body.at(MemberOf(usage)).as_array(), Names(spec.AlgorithmsFor(usage)));
    const auto key = crypto::PublicKey::FromSpki(FromB64(got.Text("PublicKey")));
    ASSERT_TRUE(key.ok()) << key.error();
    EXPECT_EQ(key->spec(), *spec.pair);
    service.Call("DisableKey", {{"KeyId", id}});
    EXPECT_EQ(service.Call("GetPublicKey", {{"KeyId", id}}).type, "DisabledException");
  }
}
INSTANTIATE_TEST_SUITE_P(Specs, SpecTable,
                         ::testing::ValuesIn(crypto::AllKmsSpecs().begin(), crypto::AllKmsSpecs().end()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(CreateKey, NeedsAUsageForEverySpecButTheDefault) {
  FakeService service;
  service.RestartWithSm2();
  for (const crypto::KmsSpec& spec : crypto::AllKmsSpecs()) {
    const Answer made = service.Call("CreateKey", {{"KeySpec", std::string(spec.name)}});
    EXPECT_EQ(made.message, spec.name == "SYMMETRIC_DEFAULT"
                                ? ""
                                : "You must specify a KeyUsage value for all KMS keys except for symmetric encryption "
                                  "keys.")
        << spec.name;
  }
}

TEST(GenerateDataKeyPair, MakesEverySpecAsPkcs8AndSpki) {
  FakeService service;
  service.RestartWithSm2();
  const std::string key = service.NewKey();
  for (const crypto::KmsSpec& spec : crypto::AllKmsSpecs()) {
    const std::string name(spec.name);
    if (!spec.pair || crypto::IsMlDsa(*spec.pair)) {
      EXPECT_EQ(service.Call("GenerateDataKeyPair", {{"KeyId", key}, {"KeyPairSpec", name}}).type,
                "ValidationException")
          << name;
      continue;
    }
    const json::object request{{"KeyId", key}, {"KeyPairSpec", name}, {"EncryptionContext", {{"a", "b"}}}};
    const Answer made = service.Call("GenerateDataKeyPair", request);
    ASSERT_TRUE(made.ok()) << name << made.raw;
    EXPECT_EQ(made.Text("KeyPairSpec"), name);
    const auto pair =
        crypto::PrivateKey::FromPkcs8(SecretBuffer::CopyOf(FromB64(made.Text("PrivateKeyPlaintext"))).value());
    ASSERT_TRUE(pair.ok()) << name;
    EXPECT_EQ(pair->spec(), *spec.pair);
    EXPECT_EQ(pair->public_key().ToSpki(), FromB64(made.Text("PublicKey")));
    const Answer opened = service.Call(
        "Decrypt", {{"CiphertextBlob", made.Text("PrivateKeyCiphertextBlob")}, {"EncryptionContext", {{"a", "b"}}}});
    EXPECT_EQ(opened.Text("Plaintext"), made.Text("PrivateKeyPlaintext")) << name;
    const Answer silent = service.Call("GenerateDataKeyPairWithoutPlaintext", request);
    ASSERT_TRUE(silent.ok()) << name << silent.raw;
    EXPECT_FALSE(silent.body.as_object().contains("PrivateKeyPlaintext"));
    EXPECT_NE(silent.Text("PublicKey"), made.Text("PublicKey"));
  }
  service.Restart(false);
  EXPECT_TRUE(service.Call("DescribeKey", {{"KeyId", key}}).ok());
}

TEST(GenerateDataKeyPair, HasNoSm2UnlessItIsSwitchedOn) {
  FakeService service;
  const std::string key = service.NewKey();
  const Answer made = service.Call("GenerateDataKeyPair", {{"KeyId", key}, {"KeyPairSpec", "SM2"}});
  EXPECT_EQ(made.type, "UnsupportedOperationException");
  EXPECT_EQ(made.message, "KeyPairSpec SM2 is not supported in this Region.");
}

TEST(Domain, ASwappedRowOfAnotherUsageIsRefusedByTheHsm) {
  FakeService service;
  const std::string signing = service.NewKey({{"KeySpec", "RSA_2048"}, {"KeyUsage", "SIGN_VERIFY"}});
  service.Sql("UPDATE kms_keys SET usage = 'ENCRYPT_DECRYPT' WHERE key_id = $1", {signing});
  const Answer sealed = service.Call(
      "Encrypt", {{"KeyId", signing}, {"Plaintext", B64("hi")}, {"EncryptionAlgorithm", "RSAES_OAEP_SHA_1"}});
  EXPECT_FALSE(sealed.ok()) << sealed.raw;
}

}  // namespace
}  // namespace strongroom::kms::testing
