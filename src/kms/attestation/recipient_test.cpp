// Answers for an attested recipient: each operation that has them, opened by openssl with the recipient's key.
#include "kms/attestation/recipient.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "crypto/internal/openssl_cli_for_tests.h"
#include "kms/testing/attestation_maker.h"
#include "kms/testing/fake_service.h"
#include "secret/peek_for_tests.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;
using ::testing::HasSubstr;

const crypto::PrivateKey& RecipientKey() {
  static const crypto::PrivateKey key = crypto::PrivateKey::Generate(crypto::KeySpec::kRsa2048).value();
  return key;
}
const AttestationMaker& Enclave() {
  static const AttestationMaker maker;
  return maker;
}

json::object Recipient(ByteView document) {
  return {{"KeyEncryptionAlgorithm", "RSAES_OAEP_SHA_256"}, {"AttestationDocument", Base64(document)}};
}
json::object With(json::object request, json::object recipient) {
  request["Recipient"] = std::move(recipient);
  return request;
}

class Recipients : public crypto::OpenSslCli {
 protected:
  Recipients() {
    service_.RestartTrusting(AttestationVerifier::Make(Enclave().root().ToPem()).value());
    symmetric_ = service_.NewKey();
    agreement_ = service_.NewKey({{"KeySpec", "ECC_NIST_P256"}, {"KeyUsage", "KEY_AGREEMENT"}});
    const SecretBuffer pem = RecipientKey().ToPem().value();
    Write("recipient.pem", secret::Peek::At(pem));
  }
  /// What the recipient reads.
  std::string Open(const Answer& answer) {
    Write("envelope.der", ByteView(FromB64(answer.Text("CiphertextForRecipient"))));
    return OpenSsl("cms -decrypt -binary -inform DER -in envelope.der -inkey recipient.pem");
  }
  /// The five requests that may have a Recipient, with the member that the secret has without one.
  struct Row {
    std::string operation;
    json::object request;
    std::string member;
  };
  std::vector<Row> Rows() {
    const std::string peer = service_.Call("GetPublicKey", {{"KeyId", agreement_}}).Text("PublicKey");
    const std::string blob = Base64(service_.Encrypted(symmetric_, kMarker));
    return {{"Decrypt", {{"CiphertextBlob", blob}}, "Plaintext"},
            {"GenerateDataKey", {{"KeyId", symmetric_}, {"KeySpec", "AES_256"}}, "Plaintext"},
            {"GenerateDataKeyPair", {{"KeyId", symmetric_}, {"KeyPairSpec", "ECC_NIST_P256"}}, "PrivateKeyPlaintext"},
            {"GenerateRandom", {{"NumberOfBytes", 24}}, "Plaintext"},
            {"DeriveSharedSecret",
             {{"KeyId", agreement_}, {"KeyAgreementAlgorithm", "ECDH"}, {"PublicKey", peer}},
             "SharedSecret"}};
  }
  FakeService service_;
  std::string symmetric_, agreement_;
};

TEST_F(Recipients, AloneReadTheSecret) {
  const json::object recipient = Recipient(Enclave().Document(RecipientKey().public_key()));
  std::map<std::string, Answer> answers;
  for (const Row& row : Rows()) {
    const Answer answer = service_.Call(row.operation, With(row.request, recipient));
    ASSERT_TRUE(answer.ok()) << row.operation << answer.raw;
    EXPECT_EQ(answer.Text(row.member), "") << row.operation;
    EXPECT_EQ(answer.Text("KeyMaterialId"), "") << row.operation;
    EXPECT_NE(Open(answer), "") << row.operation;
    EXPECT_EQ(exit_code_, 0) << row.operation;
    answers.emplace(row.operation, answer);
  }
  EXPECT_EQ(Open(answers.at("Decrypt")), kMarker);
  EXPECT_EQ(Open(answers.at("GenerateRandom")).size(), 24u);
  EXPECT_EQ(Open(answers.at("DeriveSharedSecret")).size(), 32u);
  const Answer& data_key = answers.at("GenerateDataKey");
  const Answer plain = service_.Call("Decrypt", {{"CiphertextBlob", data_key.Text("CiphertextBlob")}});
  EXPECT_EQ(B64(Open(data_key)), plain.Text("Plaintext"));
  const Answer& pair = answers.at("GenerateDataKeyPair");
  const Answer pair_plain = service_.Call("Decrypt", {{"CiphertextBlob", pair.Text("PrivateKeyCiphertextBlob")}});
  EXPECT_EQ(B64(Open(pair)), pair_plain.Text("Plaintext"));
  EXPECT_NE(pair.Text("PublicKey"), "");
}

TEST_F(Recipients, AreInTheAuditTrail) {
  const json::object recipient = Recipient(Enclave().Document(RecipientKey().public_key()));
  std::string ones;
  for (int i = 0; i < 48; ++i) ones += "11";
  const json::value shown{{"attestationDocumentModuleId", "i-0123456789abcdef0-enc0123456789abcdef"},
                          {"attestationDocumentEnclaveImageDigest", ones},
                          {"attestationDocumentEnclavePCR4", std::string(96, '0')}};
  const std::string material =
      service_.Call("DescribeKey", {{"KeyId", symmetric_}}).Text("KeyMetadata.CurrentKeyMaterialId");
  for (const Row& row : Rows()) {
    ASSERT_TRUE(service_.Call(row.operation, With(row.request, recipient)).ok()) << row.operation;
    json::object told = service_.Audited();
    ASSERT_TRUE(told.contains("recipient")) << row.operation;
    EXPECT_EQ(told.at("recipient"), shown) << row.operation;
    told.erase("recipient");
    // The answer does not tell which material it was, but the trail does.
    const bool symmetric = row.operation != "GenerateRandom" && row.operation != "DeriveSharedSecret";
    EXPECT_EQ(told, symmetric ? (json::object{{"keyMaterialId", material}}) : json::object()) << row.operation;
    ASSERT_TRUE(service_.Call(row.operation, row.request).ok()) << row.operation;
    EXPECT_EQ(service_.Audited(), json::object()) << row.operation << ": the answer has its material";
  }
  service_.Call("GenerateRandom", {{"NumberOfBytes", 8}, {"Recipient", Recipient(Bytes{1, 2, 3})}});
  EXPECT_EQ(service_.Audited(), json::object()) << "nothing of a document that was refused";
}

struct BadRecipient {
  const char* name;
  json::object recipient;
  const char* type;
  const char* message;
};
std::vector<BadRecipient> BadRecipients() {
  const Bytes good = Enclave().Document(RecipientKey().public_key());
  Payload old = Enclave().GoodPayload(RecipientKey().public_key(), NowMillis() - 360'000);
  json::object no_document = Recipient(good), no_algorithm = Recipient(good), other_algorithm = Recipient(good);
  no_document.erase("AttestationDocument");
  no_algorithm.erase("KeyEncryptionAlgorithm");
  other_algorithm["KeyEncryptionAlgorithm"] = "RSAES_OAEP_SHA_1";
  return {{"Empty", {}, "ValidationException", "Recipient needs"},
          {"NoDocument", no_document, "ValidationException", "Recipient needs"},
          {"NoAlgorithm", no_algorithm, "ValidationException", "Recipient needs"},
          {"OtherAlgorithm", other_algorithm, "ValidationException", "enum value set: [RSAES_OAEP_SHA_256]"},
          {"Noise", Recipient(Bytes{1, 2, 3}), "ValidationException", "form is not valid"},
          {"EmptyDocument", Recipient({}), "ValidationException", "length greater than or equal to 1"},
          {"TooLong", Recipient(Bytes(262'145)), "ValidationException", "length less than or equal to 262144"},
          {"Old", Recipient(Enclave().Document(old)), "ValidationException", "older than five minutes"},
          {"Stranger", Recipient(AttestationMaker().Document(RecipientKey().public_key())), "ValidationException",
           "do not lead to a root"}};
}
TEST_F(Recipients, BadOnesAreRefused) {
  for (const BadRecipient& bad : BadRecipients()) {
    for (const Row& row : Rows()) {
      const Answer answer = service_.Call(row.operation, With(row.request, bad.recipient));
      EXPECT_EQ(answer.type, bad.type) << bad.name << row.operation << answer.raw;
      EXPECT_THAT(answer.message, HasSubstr(bad.message)) << bad.name << row.operation;
    }
  }
}

TEST_F(Recipients, MeanNothingElsewhere) {
  const json::object noise = Recipient(Bytes{1});
  EXPECT_TRUE(service_.Call("Encrypt", With({{"KeyId", symmetric_}, {"Plaintext", B64("x")}}, noise)).ok());
  EXPECT_TRUE(
      service_.Call("GenerateDataKeyWithoutPlaintext", With({{"KeyId", symmetric_}, {"KeySpec", "AES_256"}}, noise))
          .ok());
}

TEST_F(Recipients, NeedATrustedRoot) {
  service_.RestartTrusting(nullptr);
  const json::object recipient = Recipient(Enclave().Document(RecipientKey().public_key()));
  const Answer answer = service_.Call("GenerateRandom", {{"NumberOfBytes", 8}, {"Recipient", recipient}});
  EXPECT_EQ(answer.type, "UnsupportedOperationException");
  EXPECT_THAT(answer.message, HasSubstr("attestation_roots"));
}

TEST_F(Recipients, AreJudgedByADryRunWithoutACiphertext) {
  const json::object body{{"KeyId", symmetric_}, {"DryRun", true}, {"DryRunModifiers", {"IGNORE_CIPHERTEXT"}}};
  const Bytes document = Enclave().Document(RecipientKey().public_key());
  EXPECT_EQ(service_.Call("Decrypt", With(body, Recipient(document))).type, "DryRunOperationException");
  EXPECT_EQ(service_.Call("Decrypt", With(body, Recipient(Bytes{1, 2, 3}))).type, "ValidationException");
  const std::string policy =
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*",)"
      R"("Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*",)"
      R"("Condition":{"Null":{"kms:RecipientAttestation:ImageSha384":"true"}}}]})";
  ASSERT_TRUE(service_.Call("PutKeyPolicy", {{"KeyId", symmetric_}, {"Policy", policy}}).ok());
  EXPECT_EQ(service_.Call("Decrypt", With(body, Recipient(document))).type, "DryRunOperationException");
  EXPECT_EQ(service_.Call("Decrypt", body).type, "AccessDeniedException");
}

TEST_F(Recipients, DryRunStopsThem) {
  const json::object recipient = Recipient(Enclave().Document(RecipientKey().public_key()));
  const Answer answer = service_.Call(
      "GenerateDataKey", With({{"KeyId", symmetric_}, {"KeySpec", "AES_256"}, {"DryRun", true}}, recipient));
  EXPECT_EQ(answer.type, "DryRunOperationException");
}

}  // namespace
}  // namespace strongroom::kms::testing
