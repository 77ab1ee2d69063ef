#include "aws/model/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/bytes.h"

namespace strongroom::aws::model {
namespace {

struct Row {
  std::string name, service, operation, body, text;  // text "" means accepted
};
std::string One(const std::string& item) { return "1 validation error detected: " + item; }
const std::string kTagPattern = R"(^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$)";
const Row kRows[] = {
    {"Accepted", "kms", "Encrypt", R"({"KeyId":"k","Plaintext":"aGk="})", ""},
    {"RequiredAbsent", "kms", "DescribeKey", "{}",
     One("Value null at 'keyId' failed to satisfy constraint: Member must not be null")},
    {"RequiredNull", "kms", "DescribeKey", R"({"KeyId":null})",
     One("Value null at 'keyId' failed to satisfy constraint: Member must not be null")},
    {"TwoAtOnceInModelOrder", "kms", "Encrypt", "{}",
     "2 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; Value "
     "null at 'plaintext' failed to satisfy constraint: Member must not be null"},
    {"SensitiveHasNoValue", "kms", "Encrypt", R"({"KeyId":"k","Plaintext":""})",
     One("Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1")},
    {"BlobAsJavaPrintsIt", "kms", "Decrypt", R"({"CiphertextBlob":""})",
     One("Value 'java.nio.HeapByteBuffer[pos=0 lim=0 cap=0]' at 'ciphertextBlob' failed to satisfy constraint: Member "
         "must have length greater than or equal to 1")},
    {"TooShort", "kms", "DescribeKey", R"({"KeyId":""})",
     One("Value '' at 'keyId' failed to satisfy constraint: Member must have length greater than or equal to 1")},
    {"LengthCountsCodePoints", "kms", "UpdateKeyDescription",
     R"({"KeyId":"k","Description":")" +
         [] {
           std::string text;
           for (int i = 0; i < 8192; ++i) text += "\xC3\xA4";
           return text;
         }() +
         "\"}",
     ""},
    {"NumberTooSmall", "kms", "GenerateRandom", R"({"NumberOfBytes":0})",
     One("Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to "
         "1")},
    {"NumberTooLarge", "kms", "GenerateRandom", R"({"NumberOfBytes":1025})",
     One("Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to "
         "1024")},
    {"EnumInModelOrder", "kms", "GenerateDataKey", R"({"KeyId":"k","KeySpec":"AES_512"})",
     One("Value 'AES_512' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [AES_256, "
         "AES_128]")},
    {"Pattern", "kms", "CreateAlias", R"({"AliasName":"alias/a b","TargetKeyId":"k"})",
     One("Value 'alias/a b' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression "
         "pattern: ^[a-zA-Z0-9:/_-]+$")},
    {"PatternMustMatchTheWhole", "cloudhsm", "DeleteCluster", R"({"ClusterId":"cluster-abcdefghijk!"})",
     One("Value 'cluster-abcdefghijk!' at 'clusterId' failed to satisfy constraint: Member must satisfy regular "
         "expression pattern: cluster-[2-7a-zA-Z]{11,16}")},
    {"PatternOfClasses", "cloudhsm", "DeleteCluster", R"({"ClusterId":"cluster-abcdefghijk"})", ""},
    {"UnicodeLettersAreLetters", "cloudhsm", "TagResource",
     R"({"ResourceId":"cluster-abcdefghijk","TagList":[{"Key":"Zürich 東京","Value":"٣"}]})", ""},
    {"InsideAList", "cloudhsm", "TagResource",
     R"({"ResourceId":"cluster-abcdefghijk","TagList":[{"Key":"a","Value":""},{"Key":"a!","Value":"b"}]})",
     One("Value 'a!' at 'tagList.2.member.key' failed to satisfy constraint: Member must satisfy regular expression "
         "pattern: " +
         kTagPattern)},
    {"RequiredInsideAList", "kms", "CreateKey", R"({"Tags":[{"TagKey":"a"}]})",
     One("Value null at 'tags.1.member.tagValue' failed to satisfy constraint: Member must not be null")},
    {"NullElement", "kms", "Encrypt", R"({"KeyId":"k","Plaintext":"aGk=","GrantTokens":["a",null]})",
     One("Value null at 'grantTokens.2.member' failed to satisfy constraint: Member must not be null")},
    {"NullMapValue", "kms", "Encrypt", R"({"KeyId":"k","Plaintext":"aGk=","EncryptionContext":{"a":null}})",
     One("Value null at 'encryptionContext.a.member' failed to satisfy constraint: Member must not be null")},
    {"ListElement", "kms", "Encrypt", R"({"KeyId":"k","Plaintext":"aGk=","GrantTokens":["ok",""]})",
     One("Value '[ok, ]' at 'grantTokens' failed to satisfy constraint: Member must satisfy constraint: [Member must "
         "have length less than or equal to 8192, Member must have length greater than or equal to 1]")},
};
class Constraints : public ::testing::TestWithParam<Row> {};
TEST_P(Constraints, AreWordedAsAwsDoes) {
  const Row& row = GetParam();
  const ServiceModel* model = BuiltIn(row.service);
  ASSERT_NE(model, nullptr);
  const Shape& input = *model->Find(row.operation)->input;
  const boost::json::object body = boost::json::parse(row.body).as_object();
  const Status types = CheckTypes(body, input);
  ASSERT_TRUE(types.ok()) << types.error();
  const Status status = CheckConstraints(body, input);
  if (row.text.empty()) {
    EXPECT_TRUE(status.ok()) << status.error();
    return;
  }
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(status.error().public_message(), row.text);
}
INSTANTIATE_TEST_SUITE_P(Model, Constraints, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST(Model, EveryOperationOfTheServicesIsThere) {
  EXPECT_NE(BuiltIn("kms")->Find("ReplicateKey"), nullptr);
  EXPECT_FALSE(BuiltIn("kms")->Find("EnableKey")->has_output);
  EXPECT_TRUE(BuiltIn("cloudhsm")->Find("TagResource")->has_output);
  EXPECT_NE(BuiltIn("sts")->Find("GetCallerIdentity"), nullptr);
  EXPECT_EQ(BuiltIn("kms")->Find("Nothing"), nullptr);
  EXPECT_EQ(BuiltIn("s3"), nullptr);
}

TEST(Model, ARefusalNeverEchoesWithoutBound) {
  const Shape& input = *BuiltIn("kms")->Find("DescribeKey")->input;
  boost::json::object body;
  body["KeyId"] = std::string(1'000'000, 'x');
  const Status status = CheckConstraints(body, input);
  ASSERT_FALSE(status.ok());
  EXPECT_LT(status.error().public_message().size(), 8192u);
}

struct Base64Row {
  std::string name, text;
  std::int64_t size;
};
const Base64Row kBase64Rows[] = {{"Empty", "", 0},
                                 {"One", "aA==", 1},
                                 {"Two", "aGk=", 2},
                                 {"Three", "aGlq", 3},
                                 {"AllSigns", "+/+/", 3},
                                 {"StrayBitsOfOne", "aB==", -1},
                                 {"StrayBitsOfTwo", "aGl=", -1},
                                 {"Short", "aGk", -1},
                                 {"UrlSafe", "-_-_", -1},
                                 {"PaddingInside", "a=Gk", -1},
                                 {"OnlyPadding", "====", -1},
                                 {"HighBytes", "aG\xC3\xA4", -1}};
class Base64Texts : public ::testing::TestWithParam<Base64Row> {};
TEST_P(Base64Texts, AreExactOrRefused) {
  EXPECT_EQ(Base64Size(GetParam().text), GetParam().size);
  EXPECT_EQ(FromBase64(GetParam().text).ok(), GetParam().size >= 0);
}
INSTANTIATE_TEST_SUITE_P(Model, Base64Texts, ::testing::ValuesIn(kBase64Rows),
                         [](const auto& row) { return row.param.name; });

TEST(Base64Sizes, AWrongCharacterIsSeenAtEveryPlace) {
  for (const std::size_t length : {4u, 12u, 16u, 20u, 32u, 48u, 52u}) {
    const std::string good(length, 'Q');
    EXPECT_EQ(Base64Size(good), static_cast<std::int64_t>(length / 4 * 3));
    for (std::size_t at = 0; at < length; ++at)
      for (const char wrong : {'-', '@', '[', '`', '{', '.', ':', ' ', '\0', '\x80', '\xff'}) {
        std::string text = good;
        text[at] = wrong;
        EXPECT_EQ(Base64Size(text), -1) << at << " of " << length;
      }
  }
}

}  // namespace
}  // namespace strongroom::aws::model
