// Encrypt, Decrypt, the data keys and GenerateRandom, from the request's bytes to the HSM and back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "crypto/key_pair.h"
#include "kms/testing/fake_service.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kUnknownId = "134f2428-cec1-4b25-a1ae-9048164dba47";
std::string Arn(const std::string& id) { return "arn:aws:kms:eu-central-1:111122223333:key/" + id; }

/// One request on a key "KEY" (replaced by the id of an enabled key; DISABLED, PENDING likewise), and its answer.
struct Row {
  std::string name, operation, body, type, message;  // type "": success
};
const std::string kTooLong = B64(std::string(4097, 'x'));
const Row kRows[] = {
    {"EncryptById", "Encrypt", R"({"KeyId":"KEY","Plaintext":"aGk="})", "", ""},
    {"EncryptByArn", "Encrypt", R"({"KeyId":"ARN","Plaintext":"aGk="})", "", ""},
    {"EncryptByAlias", "Encrypt", R"({"KeyId":"alias/a","Plaintext":"aGk="})", "", ""},
    {"EncryptByAliasArn", "Encrypt", R"({"KeyId":"arn:aws:kms:eu-central-1:111122223333:alias/a","Plaintext":"aGk="})",
     "", ""},
    {"EncryptWithEmptyContext", "Encrypt", R"({"KeyId":"KEY","Plaintext":"aGk=","EncryptionContext":{}})", "", ""},
    {"EncryptOfNothing", "Encrypt", R"({"KeyId":"KEY","Plaintext":""})", "ValidationException",
     "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length greater "
     "than or equal to 1"},
    {"EncryptOfTooMuch", "Encrypt", R"({"KeyId":"KEY","Plaintext":")" + kTooLong + "\"}", "ValidationException",
     "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less "
     "than "
     "or equal to 4096"},
    {"EncryptWithoutKey", "Encrypt", R"({"Plaintext":"aGk="})", "ValidationException",
     "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null"},
    {"EncryptUnderUnknownKey", "Encrypt", R"({"KeyId":")" + kUnknownId + R"(","Plaintext":"aGk="})",
     "NotFoundException", "Key '" + Arn(kUnknownId) + "' does not exist"},
    {"EncryptUnderNoKeyId", "Encrypt", R"({"KeyId":"fake-key-id","Plaintext":"aGk="})", "NotFoundException",
     "Invalid keyId 'fake-key-id'"},
    {"EncryptUnderUnknownAlias", "Encrypt", R"({"KeyId":"alias/b","Plaintext":"aGk="})", "NotFoundException",
     "Alias arn:aws:kms:eu-central-1:111122223333:alias/b is not found."},
    {"EncryptInOtherRegion", "Encrypt",
     R"({"KeyId":"arn:aws:kms:us-east-1:111122223333:key/)" + kUnknownId + R"(","Plaintext":"aGk="})",
     "NotFoundException", "Invalid arn us-east-1"},
    {"EncryptDisabled", "Encrypt", R"({"KeyId":"DISABLED","Plaintext":"aGk="})", "DisabledException",
     "<DISABLED> is disabled."},
    {"EncryptPendingDeletion", "Encrypt", R"({"KeyId":"PENDING","Plaintext":"aGk="})", "KMSInvalidStateException",
     "<PENDING> is pending deletion."},
    {"EncryptOtherAlgorithm", "Encrypt",
     R"({"KeyId":"KEY","Plaintext":"aGk=","EncryptionAlgorithm":"RSAES_OAEP_SHA_1"})", "InvalidKeyUsageException",
     "Algorithm RSAES_OAEP_SHA_1 is incompatible with key spec SYMMETRIC_DEFAULT."},
    {"StateComesBeforeAlgorithm", "Encrypt",
     R"({"KeyId":"DISABLED","Plaintext":"aGk=","EncryptionAlgorithm":"RSAES_OAEP_SHA_1"})", "DisabledException",
     "<DISABLED> is disabled."},
    {"EncryptDryRun", "Encrypt", R"({"KeyId":"KEY","Plaintext":"aGk=","DryRun":true})", "DryRunOperationException",
     "The request would have succeeded, but the DryRun option is set."},
    {"DryRunComesLast", "Encrypt", R"({"KeyId":"DISABLED","Plaintext":"aGk=","DryRun":true})", "DisabledException",
     "<DISABLED> is disabled."},
    {"EncryptForeignKey", "Encrypt",
     R"({"KeyId":"arn:aws:kms:eu-central-1:444455556666:key/)" + kUnknownId + R"(","Plaintext":"aGk="})",
     "AccessDeniedException",
     "User: arn:aws:iam::111122223333:root is not authorized to perform: kms:Encrypt on this resource because the "
     "resource "
     "does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly "
     "denies "
     "access"},
    {"DataKeyAes256", "GenerateDataKey", R"({"KeyId":"KEY","KeySpec":"AES_256"})", "", ""},
    {"DataKeyOf1024", "GenerateDataKeyWithoutPlaintext", R"({"KeyId":"KEY","NumberOfBytes":1024})", "", ""},
    {"DataKeyOfNoSize", "GenerateDataKey", R"({"KeyId":"KEY"})", "ValidationException",
     "Please specify either number of bytes or key spec."},
    {"DataKeyOfTwoSizes", "GenerateDataKey", R"({"KeyId":"KEY","KeySpec":"AES_128","NumberOfBytes":16})",
     "ValidationException", "Please specify either number of bytes or key spec."},
    {"DataKeyOfNothing", "GenerateDataKey", R"({"KeyId":"KEY","NumberOfBytes":0})", "ValidationException",
     "1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value "
     "greater than or equal to 1"},
    {"DataKeyUnderBadId", "GenerateDataKey", R"({"KeyId":"fake-key-id","KeySpec":"AES_256"})", "NotFoundException",
     "Invalid keyId 'fake-key-id'"},
    {"DataKeyDisabled", "GenerateDataKeyWithoutPlaintext", R"({"KeyId":"DISABLED","KeySpec":"AES_256"})",
     "DisabledException", "<DISABLED> is disabled."},
    {"PairDryRun", "GenerateDataKeyPair", R"({"KeyId":"KEY","KeyPairSpec":"ECC_NIST_P256","DryRun":true})",
     "DryRunOperationException", "The request would have succeeded, but the DryRun option is set."},
    {"PairWithoutPlaintextDryRun", "GenerateDataKeyPairWithoutPlaintext",
     R"({"KeyId":"KEY","KeyPairSpec":"ECC_NIST_P256","DryRun":true})", "DryRunOperationException",
     "The request would have succeeded, but the DryRun option is set."},
    {"RandomWithoutSize", "GenerateRandom", "{}", "ValidationException", "NumberOfBytes is required."},
    {"RandomOfNullSize", "GenerateRandom", R"({"NumberOfBytes":null})", "ValidationException",
     "NumberOfBytes is required."},
    {"RandomOfNothing", "GenerateRandom", R"({"NumberOfBytes":0})", "ValidationException",
     "1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value "
     "greater than or equal to 1"},
    {"RandomOfUnknownStore", "GenerateRandom", R"({"NumberOfBytes":8,"CustomKeyStoreId":"cks-0"})",
     "CustomKeyStoreNotFoundException", "Custom key store cks-0 was not found."},
    {"DecryptOfNothing", "Decrypt", "{}", "ValidationException",
     "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be "
     "null"},
};
class CryptoTable : public ::testing::TestWithParam<Row> {};
TEST_P(CryptoTable, AnswersAsTheRowSays) {
  FakeService service;
  const std::string key = service.NewKey(), disabled = service.NewKey(), pending = service.NewKey();
  ASSERT_TRUE(service.Call("CreateAlias", {{"AliasName", "alias/a"}, {"TargetKeyId", key}}).ok());
  ASSERT_TRUE(service.Call("DisableKey", {{"KeyId", disabled}}).ok());
  ASSERT_TRUE(service.Call("ScheduleKeyDeletion", {{"KeyId", pending}}).ok());
  const auto fill = [&](std::string text) {
    for (const auto& [from, to] : {std::pair<std::string, std::string>{"<DISABLED>", Arn(disabled)},
                                   {"<PENDING>", Arn(pending)},
                                   {"\"KEY\"", "\"" + key + "\""},
                                   {"\"ARN\"", "\"" + Arn(key) + "\""},
                                   {"\"DISABLED\"", "\"" + disabled + "\""},
                                   {"\"PENDING\"", "\"" + pending + "\""}})
      if (const auto at = text.find(from); at != std::string::npos) text.replace(at, from.size(), to);
    return text;
  };
  const Answer answer = service.Call(GetParam().operation, json::parse(fill(GetParam().body)));
  EXPECT_EQ(answer.type, GetParam().type) << answer.raw;
  EXPECT_EQ(answer.message, fill(GetParam().message));
  if (answer.ok()) {
    EXPECT_EQ(answer.Text("KeyId"), Arn(key));
  }
}
INSTANTIATE_TEST_SUITE_P(Crypto, CryptoTable, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST(Encrypt, RoundTripsWithAnyContextOrderAndEchoesNothing) {
  FakeService service;
  const std::string key = service.NewKey();
  const Answer sealed = service.Call(
      "Encrypt", {{"KeyId", key}, {"Plaintext", B64(kMarker)}, {"EncryptionContext", {{"b", "2"}, {"a", "1"}}}});
  const json::object told = service.Audited();
  ASSERT_TRUE(sealed.ok()) << sealed.raw;
  EXPECT_EQ(sealed.Text("EncryptionAlgorithm"), "SYMMETRIC_DEFAULT");
  const std::string material = service.Call("DescribeKey", {{"KeyId", key}}).Text("KeyMetadata.CurrentKeyMaterialId");
  EXPECT_EQ(told, (json::object{{"keyMaterialId", material}})) << "the answer has none";
  for (const bool named : {false, true}) {
    json::object body{{"CiphertextBlob", sealed.Text("CiphertextBlob")},
                      {"EncryptionContext", {{"a", "1"}, {"b", "2"}}}};
    if (named) body["KeyId"] = key;
    const Answer opened = service.Call("Decrypt", body);
    ASSERT_TRUE(opened.ok()) << opened.raw;
    EXPECT_EQ(AsText(FromB64(opened.Text("Plaintext"))), kMarker);
    EXPECT_EQ(opened.Text("KeyId"), Arn(key));
    EXPECT_EQ(opened.Text("KeyMaterialId"), material);
  }
  // Refusals after which a careless server would quote what it was given.
  service.Call("Encrypt", {{"KeyId", "alias/none"}, {"Plaintext", B64(kMarker)}});
  const Answer too_long =
      service.Call("Encrypt", {{"KeyId", key}, {"Plaintext", B64(std::string(kMarker) + std::string(4096, 'x'))}});
  const Answer not_base64 = service.Call("Encrypt", {{"KeyId", key}, {"Plaintext", kMarker}});
  for (const std::string& text : {service.Log(), sealed.raw, too_long.raw, not_base64.raw}) {
    EXPECT_THAT(text, Not(HasSubstr(kMarker)));
    EXPECT_THAT(text, Not(HasSubstr(B64(kMarker).substr(0, 16))));
  }
}

TEST(Encrypt, KeepsTheLargestPlaintextUnderTheCapAndNeverRepeats) {
  FakeService service;
  const std::string key = service.NewKey();
  const Bytes one = service.Encrypted(key, std::string(4096, 'x')),
              two = service.Encrypted(key, std::string(4096, 'x'));
  EXPECT_LE(one.size(), 6144u);
  EXPECT_EQ(one.size(), service.Encrypted(key, std::string(4096, 'x'), {{"a", "long context"}}).size());
  EXPECT_NE(one, two);
}

TEST(Decrypt, RefusesEveryDamageOfABlob) {
  FakeService service;
  const std::string key = service.NewKey();
  const Bytes blob = service.Encrypted(key, "hi");
  const auto decrypt = [&](const Bytes& bytes, bool named) {
    json::object body{{"CiphertextBlob", Base64(bytes)}};
    if (named) body["KeyId"] = key;
    return service.Call("Decrypt", body);
  };
  ASSERT_TRUE(decrypt(blob, false).ok());
  constexpr std::size_t kMaterialAt = 4 + 12 + 1 + 36;
  for (std::size_t i = 0; i < blob.size(); ++i) {
    Bytes bad = blob;
    bad[i] ^= 0x01;
    const Answer free = decrypt(bad, false), named = decrypt(bad, true);
    // Another account's or key's name: a key that is not there. Everything else is noise.
    const bool names_a_key = i >= 4 && i < kMaterialAt && free.type == "AccessDeniedException";
    if (names_a_key) {
      EXPECT_EQ(
          free.message,
          "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you "
          "are not allowed to access.");
      EXPECT_EQ(named.type, "IncorrectKeyException");
      EXPECT_EQ(named.message, "The key ID in the request does not identify a CMK that can perform this operation.");
    } else {
      for (const Answer& answer : {free, named})
        EXPECT_EQ(answer.raw, R"({"__type":"InvalidCiphertextException"})") << i;
    }
  }
  for (std::size_t size = 1; size < blob.size(); ++size) {
    const Bytes cut(blob.begin(), blob.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(decrypt(cut, false).raw, R"({"__type":"InvalidCiphertextException"})") << size;
  }
  Bytes longer = blob;
  longer.push_back(0);
  EXPECT_EQ(decrypt(longer, false).raw, R"({"__type":"InvalidCiphertextException"})");
  EXPECT_EQ(decrypt(Bytes(blob.begin() + 8, blob.end()), true).raw, R"({"__type":"InvalidCiphertextException"})");
}

TEST(Decrypt, NeedsTheVeryContext) {
  FakeService service;
  const std::string key = service.NewKey();
  const std::string blob = Base64(service.Encrypted(key, "hi", {{"Dept", "IT"}}));
  for (const json::object& context : {json::object{}, json::object{{"Dept", "it"}}, json::object{{"dept", "IT"}},
                                      json::object{{"Dept", "IT"}, {"a", ""}}, json::object{{"DeptI", "T"}}}) {
    const Answer answer = service.Call("Decrypt", {{"CiphertextBlob", blob}, {"EncryptionContext", context}});
    EXPECT_EQ(answer.raw, R"({"__type":"InvalidCiphertextException"})");
  }
}

TEST(Decrypt, TellsOtherKeysAccountsAndRegionsApartOnlyAsFarAsTheCallerMayKnow) {
  FakeService service;
  const std::string key = service.NewKey(), other = service.NewKey();
  const std::string blob = Base64(service.Encrypted(key, "hi"));
  const std::string not_yours =
      "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are "
      "not "
      "allowed to access.";
  EXPECT_EQ(service.Call("Decrypt", {{"CiphertextBlob", blob}, {"KeyId", other}}).type, "IncorrectKeyException");
  // The key that cannot do it is named wrongly before its state matters.
  service.Call("DisableKey", {{"KeyId", other}});
  EXPECT_EQ(service.Call("Decrypt", {{"CiphertextBlob", blob}, {"KeyId", other}}).type, "IncorrectKeyException");
  // Of what is no ciphertext, no key is the wrong one.
  const std::string noise = B64("noise");
  EXPECT_EQ(service.Call("Decrypt", {{"CiphertextBlob", noise}, {"KeyId", other}}).type, "DisabledException");
  EXPECT_EQ(
      service.Call("ReEncrypt", {{"CiphertextBlob", noise}, {"SourceKeyId", other}, {"DestinationKeyId", key}}).type,
      "DisabledException");
  EXPECT_EQ(
      service
          .Call("Decrypt", {{"CiphertextBlob", noise}, {"KeyId", "arn:aws:kms:eu-central-1:111122223333:key/" + other}},
                kOtherAccount)
          .type,
      "AccessDeniedException");
  EXPECT_EQ(service.Call("Decrypt", {{"CiphertextBlob", noise}, {"KeyId", key}}).type, "InvalidCiphertextException");
  EXPECT_EQ(service.Call("Decrypt", {{"CiphertextBlob", blob}}, kOtherAccount).message, not_yours);
  EXPECT_EQ(service.Call("Decrypt", {{"CiphertextBlob", blob}}, kAccount, kOtherRegion).message, not_yours);
  EXPECT_EQ(service.Call("Decrypt", {{"CiphertextBlob", blob}, {"DryRun", true}}).type, "DryRunOperationException");
  Bytes bad = FromB64(blob);
  bad.back() ^= 1;
  EXPECT_EQ(service.Call("Decrypt", {{"CiphertextBlob", Base64(bad)}, {"DryRun", true}}).type,
            "InvalidCiphertextException");
}

TEST(Decrypt, WorksForAnAccountThatThePolicyNames) {
  FakeService service;
  const std::string policy =
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["111122223333","444455556666"]},)"
      R"("Action":"kms:*","Resource":"*"}]})";
  const std::string key = service.NewKey({{"Policy", policy}});
  const std::string blob = Base64(service.Encrypted(key, "hi"));
  EXPECT_TRUE(service.Call("Decrypt", {{"CiphertextBlob", blob}}, kOtherAccount).ok());
  EXPECT_TRUE(service.Call("DescribeKey", {{"KeyId", Arn(key)}}, kOtherAccount).ok());
  // Whatever the policy says, keys are managed from their own account.
  for (const char* operation : {"DisableKey", "ScheduleKeyDeletion", "GetKeyPolicy", "ListResourceTags"})
    EXPECT_EQ(service.Call(operation, {{"KeyId", Arn(key)}, {"PolicyName", "default"}}, kOtherAccount).type,
              "AccessDeniedException")
        << operation;
}

TEST(GenerateDataKey, SealsWhatItShows) {
  FakeService service;
  const std::string key = service.NewKey();
  for (const auto& [member, value, size] : {std::tuple<const char*, json::value, std::size_t>{"KeySpec", "AES_256", 32},
                                            {"KeySpec", "AES_128", 16},
                                            {"NumberOfBytes", 1, 1},
                                            {"NumberOfBytes", 1024, 1024}}) {
    const Answer made =
        service.Call("GenerateDataKey", {{"KeyId", key}, {member, value}, {"EncryptionContext", {{"a", "b"}}}});
    ASSERT_TRUE(made.ok()) << made.raw;
    EXPECT_EQ(FromB64(made.Text("Plaintext")).size(), size);
    const Answer opened =
        service.Call("Decrypt", {{"CiphertextBlob", made.Text("CiphertextBlob")}, {"EncryptionContext", {{"a", "b"}}}});
    EXPECT_EQ(opened.Text("Plaintext"), made.Text("Plaintext"));
    EXPECT_EQ(service.Call("Decrypt", {{"CiphertextBlob", made.Text("CiphertextBlob")}}).raw,
              R"({"__type":"InvalidCiphertextException"})");
  }
  const Answer silent = service.Call("GenerateDataKeyWithoutPlaintext", {{"KeyId", key}, {"KeySpec", "AES_256"}});
  EXPECT_EQ(silent.Text("Plaintext"), "");
  EXPECT_NE(silent.Text("KeyMaterialId"), "");
}

TEST(GenerateDataKeyPair, GivesABlobThatDecryptsToThePrivateKey) {
  FakeService service;
  const std::string key = service.NewKey();
  const Answer made = service.Call("GenerateDataKeyPair", {{"KeyId", key}, {"KeyPairSpec", "RSA_2048"}});
  ASSERT_TRUE(made.ok()) << made.raw;
  EXPECT_EQ(made.Text("KeyPairSpec"), "RSA_2048");
  EXPECT_EQ(made.Text("KeyId"), Arn(key));
  EXPECT_EQ(FromB64(made.Text("PublicKey")).size(), 294u);
  EXPECT_EQ(made.Text("PublicKey").substr(0, 44), "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA");
  EXPECT_LE(FromB64(made.Text("PrivateKeyCiphertextBlob")).size(), 6144u);
  const Answer opened = service.Call("Decrypt", {{"CiphertextBlob", made.Text("PrivateKeyCiphertextBlob")}});
  EXPECT_EQ(opened.Text("Plaintext"), made.Text("PrivateKeyPlaintext"));
  const Answer silent =
      service.Call("GenerateDataKeyPairWithoutPlaintext", {{"KeyId", key}, {"KeyPairSpec", "ECC_NIST_P384"}});
  ASSERT_TRUE(silent.ok()) << silent.raw;
  EXPECT_EQ(silent.Text("PrivateKeyPlaintext"), "");
  EXPECT_NE(silent.Text("PrivateKeyCiphertextBlob"), "");
}

TEST(GenerateRandom, GivesAsManyBytesAsAsked) {
  FakeService service;
  for (const int size : {1, 32, 1024}) {
    const Answer made = service.Call("GenerateRandom", {{"NumberOfBytes", size}});
    EXPECT_EQ(FromB64(made.Text("Plaintext")).size(), static_cast<std::size_t>(size));
  }
}

TEST(Domain, ASwappedTokenDoesNotOpen) {
  FakeService service;
  const std::string one = service.NewKey(), two = service.NewKey();
  const Bytes blob = service.Encrypted(one, "hi");
  service.Sql("UPDATE kms_materials SET token = (SELECT token FROM kms_materials WHERE key_id = $1) WHERE key_id = $2",
              {two, one});
  EXPECT_FALSE(service.Call("Decrypt", {{"CiphertextBlob", Base64(blob)}}).ok());
  EXPECT_FALSE(service.Call("Encrypt", {{"KeyId", one}, {"Plaintext", B64("hi")}}).ok());
}

}  // namespace
}  // namespace strongroom::kms::testing
