// Encrypt and Decrypt with RSA and SM2 keys, and DeriveSharedSecret.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "crypto/key_pair.h"
#include "kms/testing/fake_service.h"
#include "secret/peek_for_tests.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kNoise = R"({"__type":"InvalidCiphertextException"})";
std::string Arn(const std::string& id) { return "arn:aws:kms:eu-central-1:111122223333:key/" + id; }
std::string KeyOf(FakeService& service, std::string_view spec, std::string_view usage) {
  return service.NewKey({{"KeySpec", std::string(spec)}, {"KeyUsage", std::string(usage)}});
}
crypto::PublicKey PublicHalf(FakeService& service, const std::string& key) {
  return crypto::PublicKey::FromSpki(FromB64(service.Call("GetPublicKey", {{"KeyId", key}}).Text("PublicKey"))).value();
}

struct Row {
  std::string spec, algorithm;
  std::size_t most;
};
const Row kRows[] = {{"RSA_2048", "RSAES_OAEP_SHA_1", 214},
                     {"RSA_2048", "RSAES_OAEP_SHA_256", 190},
                     {"RSA_3072", "RSAES_OAEP_SHA_1", 342},
                     {"RSA_3072", "RSAES_OAEP_SHA_256", 318},
                     {"RSA_4096", "RSAES_OAEP_SHA_1", 470},
                     {"RSA_4096", "RSAES_OAEP_SHA_256", 446},
                     {"SM2", "SM2PKE", 1024}};
class EncryptionTable : public ::testing::TestWithParam<Row> {};
TEST_P(EncryptionTable, RoundTripsUpToItsMostAndRefusesTheRest) {
  const Row& row = GetParam();
  FakeService service;
  service.RestartWithSm2();
  const std::string key = KeyOf(service, row.spec, "ENCRYPT_DECRYPT");
  for (const std::size_t size : {std::size_t{1}, row.most}) {
    const std::string plaintext(size, 'p');
    const json::object request{{"KeyId", key},
                               {"Plaintext", B64(plaintext)},
                               {"EncryptionAlgorithm", row.algorithm},
                               {"EncryptionContext", json::object{}}};
    const Answer sealed = service.Call("Encrypt", request);
    ASSERT_TRUE(sealed.ok()) << sealed.raw;
    EXPECT_EQ(sealed.Text("EncryptionAlgorithm"), row.algorithm);
    EXPECT_EQ(sealed.Text("KeyId"), Arn(key));
    EXPECT_NE(service.Call("Encrypt", request).Text("CiphertextBlob"), sealed.Text("CiphertextBlob"));
    json::object decrypt{
        {"KeyId", key}, {"CiphertextBlob", sealed.Text("CiphertextBlob")}, {"EncryptionAlgorithm", row.algorithm}};
    const Answer opened = service.Call("Decrypt", decrypt);
    ASSERT_TRUE(opened.ok()) << opened.raw;
    EXPECT_EQ(AsText(FromB64(opened.Text("Plaintext"))), plaintext);
    EXPECT_EQ(opened.Text("EncryptionAlgorithm"), row.algorithm);
    EXPECT_FALSE(opened.body.as_object().contains("KeyMaterialId"));
    decrypt["DryRun"] = true;
    EXPECT_EQ(service.Call("Decrypt", decrypt).type, "DryRunOperationException");
    Bytes bad = FromB64(sealed.Text("CiphertextBlob"));
    bad[bad.size() / 2] ^= 1;
    decrypt["CiphertextBlob"] = Base64(bad);
    EXPECT_EQ(service.Call("Decrypt", decrypt).raw, kNoise);
    bad.push_back(0);
    decrypt["CiphertextBlob"] = Base64(bad);
    EXPECT_EQ(service.Call("Decrypt", decrypt).raw, kNoise) << "also in a DryRun";
  }
  const json::object too_long{
      {"KeyId", key}, {"Plaintext", B64(std::string(row.most + 1, 'p'))}, {"EncryptionAlgorithm", row.algorithm}};
  const Answer refused = service.Call("Encrypt", too_long);
  EXPECT_EQ(refused.type, "ValidationException");
  EXPECT_EQ(refused.message, "Algorithm " + row.algorithm + " and key spec " + row.spec +
                                 " cannot encrypt data larger than " + std::to_string(row.most) + " bytes.");
}
INSTANTIATE_TEST_SUITE_P(Asymmetric, EncryptionTable, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.spec + "_" + row.param.algorithm; });

TEST(Asymmetric, WhatThePublicKeyEncryptsDecrypts) {
  FakeService service;
  const std::string key = KeyOf(service, "RSA_2048", "ENCRYPT_DECRYPT");
  const auto text = SecretBuffer::CopyOf(AsBytes(kMarker)).value();
  const Bytes sealed = PublicHalf(service, key).EncryptOaep(crypto::OaepHash::kSha256, {}, text).value();
  json::object request{
      {"KeyId", key}, {"CiphertextBlob", Base64(sealed)}, {"EncryptionAlgorithm", "RSAES_OAEP_SHA_256"}};
  const Answer opened = service.Call("Decrypt", request);
  ASSERT_TRUE(opened.ok()) << opened.raw;
  EXPECT_EQ(AsText(FromB64(opened.Text("Plaintext"))), kMarker);
  // Another hash, no key, no algorithm, a context, another key.
  request["EncryptionAlgorithm"] = "RSAES_OAEP_SHA_1";
  EXPECT_EQ(service.Call("Decrypt", request).raw, kNoise);
  request["EncryptionAlgorithm"] = "RSAES_OAEP_SHA_256";
  request["EncryptionContext"] = json::object{{"a", "b"}};
  EXPECT_EQ(service.Call("Decrypt", request).message,
            "An encryption context is valid with symmetric encryption keys only.");
  request.erase("EncryptionContext");
  request.erase("KeyId");
  EXPECT_EQ(service.Call("Decrypt", request).raw, kNoise);
  request["KeyId"] = KeyOf(service, "RSA_2048", "ENCRYPT_DECRYPT");
  EXPECT_EQ(service.Call("Decrypt", request).raw, kNoise);
  request["KeyId"] = key;
  request.erase("EncryptionAlgorithm");
  const Answer no_algorithm = service.Call("Decrypt", request);
  EXPECT_EQ(no_algorithm.type, "InvalidKeyUsageException");
  EXPECT_EQ(no_algorithm.message, "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.");
  EXPECT_THAT(service.Log() + no_algorithm.raw, Not(HasSubstr(kMarker)));
}

TEST(Asymmetric, EncryptRefusesContextsAndOtherAlgorithms) {
  FakeService service;
  const std::string key = KeyOf(service, "RSA_2048", "ENCRYPT_DECRYPT");
  json::object request{{"KeyId", key}, {"Plaintext", B64(std::string(1176, 'x'))}};
  EXPECT_EQ(service.Call("Encrypt", request).message,
            "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.");
  request["EncryptionAlgorithm"] = "SM2PKE";
  EXPECT_EQ(service.Call("Encrypt", request).message, "Algorithm SM2PKE is incompatible with key spec RSA_2048.");
  request["EncryptionAlgorithm"] = "RSAES_OAEP_SHA_256";
  request["DryRun"] = true;
  EXPECT_EQ(service.Call("Encrypt", request).message,
            "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes.");
  request["Plaintext"] = B64("short");
  EXPECT_EQ(service.Call("Encrypt", request).type, "DryRunOperationException");
  request["EncryptionContext"] = json::object{{"a", "b"}};
  EXPECT_EQ(service.Call("Encrypt", request).type, "ValidationException");
  const Answer data_key = service.Call("GenerateDataKey", {{"KeyId", key}, {"KeySpec", "AES_256"}});
  EXPECT_EQ(data_key.type, "InvalidKeyUsageException");
  EXPECT_EQ(data_key.message, Arn(key) + " key spec is RSA_2048 which is not valid for GenerateDataKey.");
}

TEST(Decrypt, NamesTheWrongKeyBeforeItsUsage) {
  FakeService service;
  const std::string key = service.NewKey();
  const std::string blob = Base64(service.Encrypted(key, "hi"));
  for (const auto& [spec, usage] : {std::pair<std::string, std::string>{"HMAC_256", "GENERATE_VERIFY_MAC"},
                                    {"RSA_2048", "ENCRYPT_DECRYPT"},
                                    {"ECC_NIST_P256", "SIGN_VERIFY"}}) {
    const Answer answer = service.Call("Decrypt", {{"CiphertextBlob", blob}, {"KeyId", KeyOf(service, spec, usage)}});
    EXPECT_EQ(answer.type, "IncorrectKeyException") << spec;
    EXPECT_EQ(answer.message, "The key ID in the request does not identify a CMK that can perform this operation.");
  }
  // Noise under a key that decrypts nothing at all.
  const std::string mac = KeyOf(service, "HMAC_256", "GENERATE_VERIFY_MAC");
  EXPECT_EQ(service.Call("Decrypt", {{"CiphertextBlob", B64("noise")}, {"KeyId", mac}}).message,
            Arn(mac) + " key usage is GENERATE_VERIFY_MAC which is not valid for Decrypt.");
}

TEST(Decrypt, DryRunCanLeaveTheCiphertextOut) {
  FakeService service;
  const std::string key = service.NewKey();
  const json::array ignore{"IGNORE_CIPHERTEXT"};
  EXPECT_EQ(service.Call("Decrypt", {{"KeyId", key}, {"DryRun", true}, {"DryRunModifiers", ignore}}).type,
            "DryRunOperationException");
  EXPECT_EQ(service
                .Call("Decrypt",
                      {{"KeyId", key}, {"DryRun", true}, {"DryRunModifiers", ignore}, {"CiphertextBlob", B64("noise")}})
                .type,
            "DryRunOperationException");
  EXPECT_EQ(service.Call("Decrypt", {{"DryRun", true}, {"DryRunModifiers", ignore}}).message,
            "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null");
  EXPECT_EQ(service.Call("Decrypt", {{"KeyId", key}, {"DryRunModifiers", ignore}}).message,
            "DryRunModifiers is valid only when DryRun is true.");
  EXPECT_EQ(service.Call("Decrypt", {{"KeyId", key}, {"DryRun", true}}).message,
            "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not "
            "be null");
  EXPECT_EQ(
      service.Call("Decrypt", {{"KeyId", Arn(key)}, {"DryRun", true}, {"DryRunModifiers", ignore}}, kOtherAccount).type,
      "AccessDeniedException");
}

struct CurveRow {
  std::string spec;
  crypto::KeySpec curve;
  std::size_t bytes;
};
const CurveRow kCurves[] = {{"ECC_NIST_P256", crypto::KeySpec::kP256, 32},
                            {"ECC_NIST_P384", crypto::KeySpec::kP384, 48},
                            {"ECC_NIST_P521", crypto::KeySpec::kP521, 66}};
class AgreementTable : public ::testing::TestWithParam<CurveRow> {};
TEST_P(AgreementTable, BothSidesDeriveTheSame) {
  const CurveRow& row = GetParam();
  FakeService service;
  const std::string key = KeyOf(service, row.spec, "KEY_AGREEMENT");
  const auto ours = PublicHalf(service, key);
  const auto peer = crypto::PrivateKey::Generate(row.curve).value();
  json::object request{
      {"KeyId", key}, {"KeyAgreementAlgorithm", "ECDH"}, {"PublicKey", Base64(peer.public_key().ToSpki())}};
  const Answer made = service.Call("DeriveSharedSecret", request);
  ASSERT_TRUE(made.ok()) << made.raw;
  EXPECT_EQ(made.body.as_object().size(), 4u);
  EXPECT_EQ(made.Text("KeyId"), Arn(key));
  EXPECT_EQ(made.Text("KeyAgreementAlgorithm"), "ECDH");
  EXPECT_EQ(made.Text("KeyOrigin"), "AWS_KMS");
  const Bytes shared = FromB64(made.Text("SharedSecret"));
  EXPECT_EQ(shared.size(), row.bytes);
  const auto theirs = peer.Agree(ours).value();
  EXPECT_TRUE(theirs.EqualsInConstantTime(shared));
  request["DryRun"] = true;
  EXPECT_EQ(service.Call("DeriveSharedSecret", request).type, "DryRunOperationException");

  Bytes off_the_curve = peer.public_key().ToSpki();
  off_the_curve.back() ^= 1;
  for (const Bytes& nonsense : {Bytes{1, 2, 3}, off_the_curve}) {
    request["PublicKey"] = Base64(nonsense);
    EXPECT_EQ(service.Call("DeriveSharedSecret", request).raw, R"({"__type":"ValidationException"})");
  }
  for (const crypto::KeySpec other : {crypto::KeySpec::kSecp256k1, crypto::KeySpec::kRsa2048}) {
    request["PublicKey"] = Base64(crypto::PrivateKey::Generate(other)->public_key().ToSpki());
    const Answer refused = service.Call("DeriveSharedSecret", request);
    EXPECT_EQ(refused.type, "ValidationException");
    EXPECT_EQ(refused.message, "The public key is not of the key spec " + row.spec + ".");
  }
}
INSTANTIATE_TEST_SUITE_P(Asymmetric, AgreementTable, ::testing::ValuesIn(kCurves),
                         [](const auto& row) { return row.param.spec; });

TEST(DeriveSharedSecret, NeedsAKeyForAgreement) {
  FakeService service;
  const std::string peer = Base64(crypto::PrivateKey::Generate(crypto::KeySpec::kP256)->public_key().ToSpki());
  for (const auto& [spec, usage] : {std::pair<std::string, std::string>{"ECC_NIST_P256", "SIGN_VERIFY"},
                                    {"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"}}) {
    const std::string key = KeyOf(service, spec, usage);
    const Answer answer =
        service.Call("DeriveSharedSecret", {{"KeyId", key}, {"KeyAgreementAlgorithm", "ECDH"}, {"PublicKey", peer}});
    EXPECT_EQ(answer.type, "InvalidKeyUsageException");
    EXPECT_EQ(answer.message, Arn(key) + " key usage is " + usage + " which is not valid for DeriveSharedSecret.");
  }
}

}  // namespace
}  // namespace strongroom::kms::testing
