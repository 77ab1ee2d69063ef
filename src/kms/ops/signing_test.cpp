// Sign, Verify, GenerateMac and VerifyMac: every spec, every algorithm, every message type.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "crypto/kms_algorithms.h"
#include "kms/testing/fake_service.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;
using crypto::KmsUsage;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Arn(const std::string& id) { return "arn:aws:kms:eu-central-1:111122223333:key/" + id; }
std::string KeyOf(FakeService& service, std::string_view spec, std::string_view usage) {
  return service.NewKey({{"KeySpec", std::string(spec)}, {"KeyUsage", std::string(usage)}});
}

const char* const kSigningAlgorithms[] = {"RSASSA_PSS_SHA_256",
                                          "RSASSA_PSS_SHA_384",
                                          "RSASSA_PSS_SHA_512",
                                          "RSASSA_PKCS1_V1_5_SHA_256",
                                          "RSASSA_PKCS1_V1_5_SHA_384",
                                          "RSASSA_PKCS1_V1_5_SHA_512",
                                          "ECDSA_SHA_256",
                                          "ECDSA_SHA_384",
                                          "ECDSA_SHA_512",
                                          "SM2DSA",
                                          "ML_DSA_SHAKE_256",
                                          "ED25519_SHA_512",
                                          "ED25519_PH_SHA_512"};

/// Bytes of a message that is not RAW.
std::size_t DigestBytes(const std::string& algorithm) {
  if (algorithm == "SM2DSA" || algorithm.ends_with("SHA_256")) return 32;
  return algorithm.ends_with("SHA_384") ? 48 : 64;
}
/// spec/kms.md 3.4: which message types an algorithm takes.
bool Takes(const std::string& algorithm, const std::string& type) {
  if (algorithm == "ED25519_SHA_512") return type == "RAW";
  if (algorithm == "ED25519_PH_SHA_512") return type == "DIGEST";
  if (algorithm == "ML_DSA_SHAKE_256") return type != "DIGEST";
  return type != "EXTERNAL_MU";
}

class SigningTable : public ::testing::TestWithParam<crypto::KmsSpec> {};
TEST_P(SigningTable, EveryAlgorithmAndMessageTypeIsAsTheSpecificationSays) {
  const crypto::KmsSpec& spec = GetParam();
  const std::string spec_name(spec.name);
  FakeService service;
  service.RestartWithSm2();
  const std::string key = KeyOf(service, spec_name, "SIGN_VERIFY");
  const auto public_key =
      crypto::PublicKey::FromSpki(FromB64(service.Call("GetPublicKey", {{"KeyId", key}}).Text("PublicKey")));
  ASSERT_TRUE(public_key.ok());
  int signatures = 0;
  for (const std::string algorithm : kSigningAlgorithms) {
    for (const std::string type : {"RAW", "DIGEST", "EXTERNAL_MU"}) {
      SCOPED_TRACE(spec_name + " " + algorithm + " " + type);
      const std::string message(DigestBytes(algorithm), 'm');
      json::object request{{"KeyId", key}, {"Message", B64(message)}, {"SigningAlgorithm", algorithm}};
      if (type != "RAW") request["MessageType"] = type;
      const Answer made = service.Call("Sign", request);
      json::object verify = request;
      verify["Signature"] = made.ok() ? made.Text("Signature") : B64("no signature");
      const auto refused = [&](const std::string& code, const std::string& text) {
        for (const Answer& answer : {made, service.Call("Verify", verify)}) {
          EXPECT_EQ(answer.type, code) << answer.raw;
          EXPECT_EQ(answer.message, text);
        }
      };
      if (!spec.Has(*crypto::FindKmsAlgorithm(algorithm))) {
        refused("InvalidKeyUsageException",
                "Algorithm " + algorithm + " is incompatible with key spec " + spec_name + ".");
        continue;
      }
      if (!Takes(algorithm, type)) {
        refused("ValidationException", "MessageType " + type + " is not valid for algorithm " + algorithm + ".");
        continue;
      }
      ASSERT_TRUE(made.ok()) << made.raw;
      ++signatures;
      EXPECT_EQ(made.Text("KeyId"), Arn(key));
      EXPECT_EQ(made.Text("SigningAlgorithm"), algorithm);
      // Ed25519ph hashes what KMS calls a digest once more.
      const auto form = algorithm == "ED25519_PH_SHA_512" ? crypto::MessageForm::kRaw : *crypto::FindMessageForm(type);
      EXPECT_TRUE(public_key
                      ->Verify(*crypto::FindKmsAlgorithm(algorithm)->scheme, form, AsBytes(message),
                               FromB64(made.Text("Signature")))
                      .ok());
      const Answer good = service.Call("Verify", verify);
      ASSERT_TRUE(good.ok()) << good.raw;
      EXPECT_EQ(good.Text("SignatureValid"), "true");
      EXPECT_EQ(good.Text("SigningAlgorithm"), algorithm);
      EXPECT_EQ(good.Text("KeyId"), Arn(key));
      for (const bool sign : {true, false}) {
        json::object dry = sign ? request : verify;
        dry["DryRun"] = true;
        EXPECT_EQ(service.Call(sign ? "Sign" : "Verify", dry).type, "DryRunOperationException");
      }
      // What does not verify: another message, half a signature, a changed one, bytes after it.
      json::object other = verify;
      other["Message"] = B64(std::string(message.size(), 'n'));
      Bytes signature = FromB64(made.Text("Signature"));
      Bytes changed = signature, longer = signature;
      changed[changed.size() / 2] ^= 1;
      longer.push_back(0);
      const Bytes half(signature.begin(), signature.begin() + static_cast<std::ptrdiff_t>(signature.size() / 2));
      EXPECT_EQ(service.Call("Verify", other).raw, R"({"__type":"KMSInvalidSignatureException"})");
      for (const Bytes& bad : {changed, longer, half}) {
        verify["Signature"] = Base64(bad);
        EXPECT_EQ(service.Call("Verify", verify).raw, R"({"__type":"KMSInvalidSignatureException"})");
      }
      if (type == "RAW") continue;
      for (const std::size_t size : {std::size_t{28}, DigestBytes(algorithm) - 1, DigestBytes(algorithm) + 1}) {
        request["Message"] = B64(std::string(size, 'm'));
        verify["Message"] = request["Message"];
        for (const Answer& answer : {service.Call("Sign", request), service.Call("Verify", verify)}) {
          EXPECT_EQ(answer.type, "ValidationException");
          EXPECT_EQ(answer.message, "Digest is invalid length for algorithm " + algorithm + ".");
        }
      }
    }
  }
  EXPECT_GT(signatures, 0);
}
std::vector<crypto::KmsSpec> SigningSpecs() {
  std::vector<crypto::KmsSpec> all;
  for (const crypto::KmsSpec& spec : crypto::AllKmsSpecs())
    if (spec.Allows(KmsUsage::kSignVerify) && crypto::Available(*spec.pair)) all.push_back(spec);
  return all;
}
INSTANTIATE_TEST_SUITE_P(Signing, SigningTable, ::testing::ValuesIn(SigningSpecs()),
                         [](const auto& row) { return std::string(row.param.name); });

/// Requests on keys SIGN (P-256), MAC (HMAC_224), SEAL (symmetric), GONE (P-256, disabled).
struct Row {
  std::string name, operation, body, type, message;
};
const std::string kLongest = B64(std::string(4096, 'x')), kTooLong = B64(std::string(4097, 'x'));
const std::string kTooLongText =
    "1 validation error detected: Value at 'message' failed to satisfy constraint: Member must have length less than "
    "or "
    "equal to 4096";
const Row kRows[] = {
    {"SignTheLongest", "Sign", R"({"KeyId":"SIGN","SigningAlgorithm":"ECDSA_SHA_256","Message":")" + kLongest + "\"}",
     "", ""},
    {"SignTooMuch", "Sign", R"({"KeyId":"SIGN","SigningAlgorithm":"ECDSA_SHA_256","Message":")" + kTooLong + "\"}",
     "ValidationException", kTooLongText},
    {"SignNothing", "Sign", R"({"KeyId":"SIGN","SigningAlgorithm":"ECDSA_SHA_256","Message":""})",
     "ValidationException",
     "1 validation error detected: Value at 'message' failed to satisfy constraint: Member must have length greater "
     "than "
     "or equal to 1"},
    {"SignWithoutAlgorithm", "Sign", R"({"KeyId":"SIGN","Message":"aGk="})", "ValidationException",
     "1 validation error detected: Value null at 'signingAlgorithm' failed to satisfy constraint: Member must not be "
     "null"},
    {"SignWithAMacKey", "Sign", R"({"KeyId":"MAC","SigningAlgorithm":"ECDSA_SHA_256","Message":"aGk="})",
     "InvalidKeyUsageException", "<MAC> key usage is GENERATE_VERIFY_MAC which is not valid for Sign."},
    {"VerifyWithASealingKey", "Verify",
     R"({"KeyId":"SEAL","SigningAlgorithm":"ECDSA_SHA_256","Message":"aGk=","Signature":"aGk="})",
     "InvalidKeyUsageException", "<SEAL> key usage is ENCRYPT_DECRYPT which is not valid for Verify."},
    {"MembersOfOtherOperationsAreIgnored", "Sign",
     R"({"KeyId":"SIGN","SigningAlgorithm":"ECDSA_SHA_256","Message":"aGk=","EncryptionContext":5,"Recipient":5})", "",
     ""},
    {"StateComesBeforeAlgorithm", "Sign", R"({"KeyId":"GONE","SigningAlgorithm":"ECDSA_SHA_512","Message":"aGk="})",
     "DisabledException", "<GONE> is disabled."},
    {"UsageComesBeforeAlgorithm", "Sign", R"({"KeyId":"SEAL","SigningAlgorithm":"ECDSA_SHA_512","Message":"aGk="})",
     "InvalidKeyUsageException", "<SEAL> key usage is ENCRYPT_DECRYPT which is not valid for Sign."},
    {"VerifyEmptySignature", "Verify",
     R"({"KeyId":"SIGN","SigningAlgorithm":"ECDSA_SHA_256","Message":"aGk=","Signature":""})", "ValidationException",
     "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=0 cap=0]' at 'signature' failed to satisfy "
     "constraint: Member must have length greater than or equal to 1"},
    {"MacById", "GenerateMac", R"({"KeyId":"MAC","MacAlgorithm":"HMAC_SHA_224","Message":"aGk="})", "", ""},
    {"MacUnderBadId", "GenerateMac", R"({"KeyId":"key_id","MacAlgorithm":"HMAC_SHA_224","Message":"aGk="})",
     "NotFoundException", "Invalid keyId 'key_id'"},
    {"VerifyMacUnderBadId", "VerifyMac",
     R"({"KeyId":"key_id","MacAlgorithm":"HMAC_SHA_224","Message":"aGk=","Mac":"aGk="})", "NotFoundException",
     "Invalid keyId 'key_id'"},
    {"MacOfAnotherHash", "GenerateMac", R"({"KeyId":"MAC","MacAlgorithm":"HMAC_SHA_256","Message":"aGk="})",
     "InvalidKeyUsageException", "Algorithm HMAC_SHA_256 is incompatible with key spec HMAC_224."},
    {"MacWithASealingKey", "GenerateMac", R"({"KeyId":"SEAL","MacAlgorithm":"HMAC_SHA_256","Message":"aGk="})",
     "InvalidKeyUsageException", "<SEAL> key usage is ENCRYPT_DECRYPT which is not valid for GenerateMac."},
    {"MacOfTooMuch", "GenerateMac", R"({"KeyId":"MAC","MacAlgorithm":"HMAC_SHA_224","Message":")" + kTooLong + "\"}",
     "ValidationException", kTooLongText},
    {"MacDryRun", "GenerateMac", R"({"KeyId":"MAC","MacAlgorithm":"HMAC_SHA_224","Message":"aGk=","DryRun":true})",
     "DryRunOperationException", "The request would have succeeded, but the DryRun option is set."},
    {"VerifyMacDryRun", "VerifyMac",
     R"({"KeyId":"MAC","MacAlgorithm":"HMAC_SHA_224","Message":"aGk=","Mac":"aGk=","DryRun":true})",
     "DryRunOperationException", "The request would have succeeded, but the DryRun option is set."},
    {"VerifyMacThatIsTooShort", "VerifyMac",
     R"({"KeyId":"MAC","MacAlgorithm":"HMAC_SHA_224","Message":"aGk=","Mac":"aGk="})", "KMSInvalidMacException", ""},
    {"VerifyMacOfNoAlgorithm", "VerifyMac", R"({"KeyId":"MAC","MacAlgorithm":"INVALID","Message":"aGk=","Mac":"aGk="})",
     "ValidationException",
     "1 validation error detected: Value 'INVALID' at 'macAlgorithm' failed to satisfy constraint: Member must satisfy "
     "enum value set: [HMAC_SHA_224, HMAC_SHA_256, HMAC_SHA_384, HMAC_SHA_512]"},
    {"EncryptWithASigningKey", "Encrypt", R"({"KeyId":"SIGN","Plaintext":"aGk="})", "InvalidKeyUsageException",
     "<SIGN> key usage is SIGN_VERIFY which is not valid for Encrypt."},
    {"DataKeyUnderAMacKey", "GenerateDataKey", R"({"KeyId":"MAC","KeySpec":"AES_256"})", "InvalidKeyUsageException",
     "<MAC> key usage is GENERATE_VERIFY_MAC which is not valid for GenerateDataKey."},
};
class SigningRows : public ::testing::TestWithParam<Row> {};
TEST_P(SigningRows, AnswersAsTheRowSays) {
  FakeService service;
  const std::pair<std::string, std::string> keys[] = {{"SIGN", KeyOf(service, "ECC_NIST_P256", "SIGN_VERIFY")},
                                                      {"MAC", KeyOf(service, "HMAC_224", "GENERATE_VERIFY_MAC")},
                                                      {"SEAL", service.NewKey()},
                                                      {"GONE", KeyOf(service, "ECC_NIST_P256", "SIGN_VERIFY")}};
  ASSERT_TRUE(service.Call("DisableKey", {{"KeyId", keys[3].second}}).ok());
  const auto fill = [&](std::string text) {
    for (const auto& [name, id] : keys) {
      if (const auto at = text.find("\"" + name + "\""); at != std::string::npos) text.replace(at + 1, name.size(), id);
      if (const auto at = text.find("<" + name + ">"); at != std::string::npos)
        text.replace(at, name.size() + 2, Arn(id));
    }
    return text;
  };
  const Answer answer = service.Call(GetParam().operation, json::parse(fill(GetParam().body)));
  EXPECT_EQ(answer.type, GetParam().type) << answer.raw;
  EXPECT_EQ(answer.message, fill(GetParam().message));
}
INSTANTIATE_TEST_SUITE_P(Signing, SigningRows, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST(GenerateMac, IsOfTheHashsLengthAndVerifiesForItsMessageOnly) {
  FakeService service;
  for (const auto& [bits, size] :
       {std::pair<std::string, std::size_t>{"224", 28}, {"256", 32}, {"384", 48}, {"512", 64}}) {
    const std::string key = KeyOf(service, "HMAC_" + bits, "GENERATE_VERIFY_MAC");
    const json::object request{{"KeyId", key}, {"MacAlgorithm", "HMAC_SHA_" + bits}, {"Message", B64(kMarker)}};
    const Answer made = service.Call("GenerateMac", request);
    ASSERT_TRUE(made.ok()) << made.raw;
    EXPECT_EQ(FromB64(made.Text("Mac")).size(), size);
    EXPECT_EQ(made.Text("MacAlgorithm"), "HMAC_SHA_" + bits);
    EXPECT_EQ(made.Text("KeyId"), Arn(key));
    EXPECT_EQ(service.Call("GenerateMac", request).Text("Mac"), made.Text("Mac"));
    json::object verify = request;
    verify["Mac"] = made.Text("Mac");
    const Answer good = service.Call("VerifyMac", verify);
    ASSERT_TRUE(good.ok()) << good.raw;
    EXPECT_EQ(good.Text("MacValid"), "true");
    verify["Message"] = B64("another");
    EXPECT_EQ(service.Call("VerifyMac", verify).raw, R"({"__type":"KMSInvalidMacException"})");
    const std::string other = KeyOf(service, "HMAC_" + bits, "GENERATE_VERIFY_MAC");
    verify["Message"] = B64(kMarker);
    verify["KeyId"] = other;
    EXPECT_EQ(service.Call("VerifyMac", verify).raw, R"({"__type":"KMSInvalidMacException"})");
    EXPECT_THAT(service.Log() + made.raw + good.raw, Not(HasSubstr(kMarker)));
  }
}

}  // namespace
}  // namespace strongroom::kms::testing
