#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "xks_protocol/answers.h"
#include "xks_protocol/errors.h"
#include "xks_protocol/limits.h"
#include "xks_protocol/requests.h"

namespace strongroom::xks {
namespace {
namespace json = boost::json;

const Bytes kPlain(40, 7), kAad{1, 2, 3}, kIv(12, 9), kTag(16, 5), kNote{8, 8};

json::object Object(const std::string& text) { return json::parse(text).as_object(); }

RequestMetadata Metadata() {
  RequestMetadata m;
  m.aws_principal_arn = "arn:aws:iam::111122223333:user/ann";
  m.kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/k";
  m.kms_operation = "Encrypt";
  m.kms_request_id = "4112f4d6-db54-4af4-ae30-c55a22a8dfae";
  return m;
}

EncryptAnswer Sealed() { return {kPlain, kIv, kTag, kNote}; }

TEST(XksRequests, EncryptIsReadAsItWasWritten) {
  const std::string body = WriteEncryptRequest(Metadata(), kPlain, kAad);
  const auto read = ParseEncryptRequest(Object(body));
  ASSERT_TRUE(read.ok()) << read.error();
  EXPECT_TRUE(read->plaintext.EqualsInConstantTime(kPlain));
  EXPECT_EQ(read->aad, kAad);
  EXPECT_TRUE(read->wants_integrity);
  EXPECT_EQ(read->metadata.aws_principal_arn, Metadata().aws_principal_arn);
  EXPECT_EQ(read->metadata.kms_key_arn, Metadata().kms_key_arn);
  EXPECT_EQ(read->metadata.kms_operation, "Encrypt");
  EXPECT_EQ(body.find("awsSourceVpc"), std::string::npos) << "absent members are left out";
}

TEST(XksRequests, DecryptIsReadAsItWasWritten) {
  const auto read = ParseDecryptRequest(Object(WriteDecryptRequest(Metadata(), Sealed().parts(), kAad)));
  ASSERT_TRUE(read.ok()) << read.error();
  EXPECT_EQ(read->ciphertext, kPlain);
  EXPECT_EQ(read->iv, kIv);
  EXPECT_EQ(read->tag, kTag);
  EXPECT_EQ(read->ciphertext_metadata, kNote);
  EXPECT_EQ(read->aad, kAad);
}

TEST(XksRequests, HealthSaysOperationAndRequestOnly) {
  const json::object body = Object(WriteHealthRequest(Metadata()));
  EXPECT_EQ(body.at("requestMetadata").as_object().size(), 2u);
  EXPECT_TRUE(ParseHealthRequest(body).ok());
  EXPECT_FALSE(ParseKeyMetadataRequest(body).ok()) << "GetKeyMetadata names the principal";
}

TEST(XksRequests, LargestIsBelowTheBoundOfBodies) {
  const Bytes longest(kMostPlaintextBytes, 1), aad(kMostAadBytes, 2);
  EXPECT_LT(WriteEncryptRequest(Metadata(), longest, aad).size(), kMostBodyBytes);
  EXPECT_TRUE(ParseEncryptRequest(Object(WriteEncryptRequest(Metadata(), longest, aad))).ok());
}

struct Change {
  std::string name, member;
  json::value value;  // null: the member is taken away
  std::string want;   // part of the error's text
};
void PrintTo(const Change& change, std::ostream* out) { *out << change.name; }
std::string Name(const testing::TestParamInfo<Change>& info) { return info.param.name; }

void Apply(json::object& body, const Change& change) {
  json::object* in = &body;
  std::string member = change.member;
  if (const auto dot = member.find('.'); dot != std::string::npos) {
    in = &body.at(member.substr(0, dot)).as_object();
    member = member.substr(dot + 1);
  }
  if (change.value.is_null())
    in->erase(member);
  else
    (*in)[member] = change.value;
}

json::value B64(std::size_t bytes) { return json::string(Base64(Bytes(bytes, 3))); }

class XksEncryptRequest : public ::testing::TestWithParam<Change> {};
TEST_P(XksEncryptRequest, IsRefusedNamingTheMember) {
  json::object body = Object(WriteEncryptRequest(Metadata(), kPlain, kAad));
  Apply(body, GetParam());
  const auto read = ParseEncryptRequest(body);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), Errc::kInvalidArgument);
  EXPECT_NE(read.error().public_message().find(GetParam().want), std::string::npos) << read.error();
}
INSTANTIATE_TEST_SUITE_P(
    Members, XksEncryptRequest,
    ::testing::Values(
        Change{"NoMetadata", "requestMetadata", nullptr, "requestMetadata is missing"},
        Change{"MetadataText", "requestMetadata", "x", "requestMetadata must be an object"},
        Change{"NoPrincipal", "requestMetadata.awsPrincipalArn", nullptr, "requestMetadata.awsPrincipalArn is missing"},
        Change{"NoOperation", "requestMetadata.kmsOperation", nullptr, "requestMetadata.kmsOperation is missing"},
        Change{"NoRequestId", "requestMetadata.kmsRequestId", nullptr, "requestMetadata.kmsRequestId is missing"},
        Change{"LongArn", "requestMetadata.kmsKeyArn", json::string(2049, 'a'), "at most 2048"},
        Change{"NoPlaintext", "plaintext", nullptr, "plaintext is missing"},
        Change{"EmptyPlaintext", "plaintext", "", "plaintext must have a length from 1 to 4300"},
        Change{"LongPlaintext", "plaintext", B64(4301), "plaintext must have a length"},
        Change{"FarTooLongPlaintext", "plaintext", B64(9000), "plaintext must have at most"},
        Change{"NumberPlaintext", "plaintext", 5, "plaintext must be a string"},
        Change{"NotBase64", "plaintext", "****", "plaintext is not base64"},
        Change{"NoAlgorithm", "encryptionAlgorithm", nullptr, "encryptionAlgorithm is missing"},
        Change{"OtherAlgorithm", "encryptionAlgorithm", "AES_CBC", "must be AES_GCM"},
        Change{"LongAad", "additionalAuthenticatedData", B64(8194), "additionalAuthenticatedData must have"},
        Change{"OtherIntegrity", "ciphertextDataIntegrityValueAlgorithm", "MD5", "must be SHA_256"}),
    Name);

class XksDecryptRequest : public ::testing::TestWithParam<Change> {};
TEST_P(XksDecryptRequest, IsRefusedNamingTheMember) {
  json::object body = Object(WriteDecryptRequest(Metadata(), Sealed().parts(), kAad));
  Apply(body, GetParam());
  const auto read = ParseDecryptRequest(body);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), Errc::kInvalidArgument);
  EXPECT_NE(read.error().public_message().find(GetParam().want), std::string::npos) << read.error();
}
INSTANTIATE_TEST_SUITE_P(
    Members, XksDecryptRequest,
    ::testing::Values(Change{"NoCiphertext", "ciphertext", nullptr, "ciphertext is missing"},
                      Change{"EmptyCiphertext", "ciphertext", "", "ciphertext must have a length"},
                      Change{"NoIv", "initializationVector", nullptr, "initializationVector is missing"},
                      Change{"IvOf13", "initializationVector", B64(13), "12 or 16"},
                      Change{"ShortTag", "authenticationTag", B64(15), "must have a length of 16"},
                      Change{"LongMetadata", "ciphertextMetadata", B64(21), "ciphertextMetadata must have"}),
    Name);

TEST(XksAnswers, EncryptIsReadAsItWasWritten) {
  const auto read = ParseEncryptAnswer(WriteEncryptAnswer(Sealed(), true, kAad), kPlain.size(), kAad);
  ASSERT_TRUE(read.ok()) << read.error();
  EXPECT_EQ(read->metadata, kNote);
  EXPECT_FALSE(ParseEncryptAnswer(WriteEncryptAnswer(Sealed(), true, kAad), kPlain.size(), kNote).ok())
      << "made for other associated data";
  EXPECT_FALSE(ParseEncryptAnswer(WriteEncryptAnswer(Sealed(), false, kAad), kPlain.size(), kAad).ok());
}

class XksEncryptAnswer : public ::testing::TestWithParam<Change> {};
TEST_P(XksEncryptAnswer, IsRefused) {
  json::object body = Object(WriteEncryptAnswer(Sealed(), true, kAad));
  Apply(body, GetParam());
  const auto read = ParseEncryptAnswer(json::serialize(body), kPlain.size(), kAad);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), Errc::kCorrupted);
  EXPECT_NE(read.error().public_message().find(GetParam().want), std::string::npos) << read.error();
}
INSTANTIATE_TEST_SUITE_P(
    Members, XksEncryptAnswer,
    ::testing::Values(Change{"NoCiphertext", "ciphertext", nullptr, "ciphertext is missing"},
                      Change{"LongerCiphertext", "ciphertext", B64(41), "ciphertext must have"},
                      Change{"ShorterCiphertext", "ciphertext", B64(39), "ciphertext must have"},
                      Change{"OtherCiphertext", "ciphertext", B64(40), "does not fit"},
                      Change{"OtherIv", "initializationVector", B64(12), "does not fit"},
                      Change{"OddIv", "initializationVector", B64(14), "12 or 16"},
                      Change{"OtherTag", "authenticationTag", B64(16), "does not fit"},
                      Change{"OtherMetadata", "ciphertextMetadata", B64(2), "does not fit"},
                      Change{"NoMetadata", "ciphertextMetadata", nullptr, "does not fit"},
                      Change{"LongMetadata", "ciphertextMetadata", B64(21), "ciphertextMetadata must have"},
                      Change{"NoIntegrity", "ciphertextDataIntegrityValue", nullptr, "Value is missing"},
                      Change{"WrongIntegrity", "ciphertextDataIntegrityValue", B64(32), "does not fit"},
                      Change{"ShortIntegrity", "ciphertextDataIntegrityValue", B64(31), "must have a length of 32"}),
    Name);

struct Body {
  std::string name, text;
};
void PrintTo(const Body& body, std::ostream* out) { *out << body.name; }
class XksGarbage : public ::testing::TestWithParam<Body> {};
TEST_P(XksGarbage, IsRefusedByEveryReader) {
  const std::string& text = GetParam().text;
  EXPECT_FALSE(ParseHealthAnswer(text).ok());
  EXPECT_FALSE(ParseKeyMetadataAnswer(text).ok());
  EXPECT_FALSE(ParseEncryptAnswer(text, 1, {}).ok());
  EXPECT_FALSE(ParseDecryptAnswer(text, 1).ok());
  for (const unsigned status : {400u, 404u, 500u}) EXPECT_FALSE(ParseError(status, text).has_value());
}
INSTANTIATE_TEST_SUITE_P(Bodies, XksGarbage,
                         ::testing::Values(Body{"Empty", ""}, Body{"Html", "<html>502 Bad Gateway</html>"},
                                           Body{"List", "[]"}, Body{"Text", "\"x\""}, Body{"EmptyObject", "{}"},
                                           Body{"Cut", "{\"plaintext\":\"AA"},
                                           Body{"Deep", std::string(100, '[') + std::string(100, ']')},
                                           Body{"Null", "{\"plaintext\":null,\"keySpec\":null,\"errorName\":null}"},
                                           Body{"Huge", "{\"x\":\"" + std::string(kMostBodyBytes, 'x') + "\"}"}),
                         [](const auto& info) { return info.param.name; });

TEST(XksAnswers, HealthIsReadAsItWasWritten) {
  HealthAnswer answer{3, "Vendor", "Model", "Manager Inc.", {}};
  answer.managers.push_back({"a", "m", Health::kUnavailable});
  auto read = ParseHealthAnswer(WriteHealthAnswer(answer));
  ASSERT_TRUE(read.ok()) << read.error();
  EXPECT_TRUE(read->all_unavailable());
  answer.managers.push_back({"b", "m", Health::kDegraded});
  read = ParseHealthAnswer(WriteHealthAnswer(answer));
  ASSERT_TRUE(read.ok()) << read.error();
  EXPECT_FALSE(read->all_unavailable());
  EXPECT_EQ(read->managers[1].id, "b");
  EXPECT_EQ(read->proxy_fleet_size, 3);
  answer.managers.resize(kMostFleetMembers + 1);
  EXPECT_FALSE(ParseHealthAnswer(WriteHealthAnswer(answer)).ok());
  answer.managers.clear();
  EXPECT_FALSE(ParseHealthAnswer(WriteHealthAnswer(answer)).ok());
}

TEST(XksAnswers, KeyMetadataIsReadAsItWasWritten) {
  const auto read = ParseKeyMetadataAnswer(WriteKeyMetadataAnswer({"AES_256", {"ENCRYPT", "DECRYPT"}, "ENABLED"}));
  ASSERT_TRUE(read.ok()) << read.error();
  EXPECT_EQ(read->key_usage, (std::vector<std::string>{"ENCRYPT", "DECRYPT"}));
  EXPECT_FALSE(
      ParseKeyMetadataAnswer(WriteKeyMetadataAnswer({"AES_256", std::vector<std::string>(11, "WRAP"), "ENABLED"}))
          .ok());
}

TEST(XksAnswers, UnknownMembersAreIgnored) {
  EXPECT_TRUE(ParseDecryptAnswer(R"({"plaintext":"AAAA","more":{"a":[1]}})", 3).ok());
  EXPECT_FALSE(ParseDecryptAnswer(R"({"plaintext":"AAAA"})", 4).ok()) << "not as long as the ciphertext";
}

TEST(XksErrors, EachIsReadWithItsStatusAlone) {
  for (const ErrorForm& form : kErrorForms) {
    const std::string body = WriteError(form.error, "why\x1b[31m\n");
    const auto read = ParseError(form.http_status, body);
    ASSERT_TRUE(read.has_value()) << form.name;
    EXPECT_EQ(read->error, form.error);
    EXPECT_EQ(read->message, "why?[31m?");
    EXPECT_FALSE(ParseError(form.http_status == 418 ? 400 : 418, body).has_value());
  }
  EXPECT_FALSE(ParseError(400, R"({"errorName":"NoSuchException"})").has_value());
  EXPECT_LT(WriteError(ErrorName::kInternal, std::string(5000, 'x')).size(), 700u);
}

TEST(XksIntegrity, AadOfTheExternalKeyHasLengthsWhenThereIsMetadata) {
  auto aad = ExternalKeyAad(kAad, {});
  ASSERT_TRUE(aad.ok());
  EXPECT_EQ(*aad, kAad);
  aad = ExternalKeyAad(kAad, kNote);
  ASSERT_TRUE(aad.ok());
  EXPECT_EQ(*aad, (Bytes{0, 3, 1, 2, 3, 2, 8, 8}));
  EXPECT_FALSE(ExternalKeyAad(Bytes(kMostAadBytes + 1), {}).ok());
  EXPECT_FALSE(ExternalKeyAad({}, Bytes(kMostMetadataBytes + 1)).ok());
}

TEST(XksIntegrity, IsTheHashOfTheFivePartsInOrder) {
  const Bytes ciphertext{'c'}, iv{'b'}, tag{'d'}, metadata{'a'}, aad{'z'};
  EXPECT_EQ(Hex(IntegrityValue(aad, {ciphertext, iv, tag, metadata})), Hex(crypto::Sha256(AsBytes("zabcd"))));
}

TEST(XksKeyId, HasTheLettersOfTheSpecification) {
  EXPECT_TRUE(IsKeyId("a-Z_0."));
  EXPECT_TRUE(IsKeyId(std::string(128, 'k')));
  for (const std::string& bad : {std::string(), std::string(129, 'k'), std::string("a/b"), std::string("a b"),
                                 std::string("\xc3\xa4"), std::string("a%2f")})
    EXPECT_FALSE(IsKeyId(bad)) << bad;
}

}  // namespace
}  // namespace strongroom::xks
