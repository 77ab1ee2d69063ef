#include "trail/record/facts.h"

#include <gtest/gtest.h>

namespace strongroom::trail {
namespace {

TEST(Facts, AreReadAsTheyAreWritten) {
  const std::string longest(kLongestFact, 'x'), longer(kLongestFact + 5, 'x');
  Facts facts{.read_only = true,
              .account = "111122223333",
              .region = "eu-central-1",
              .source = "kms.amazonaws.com",
              .name = "ReEncrypt",
              .user = "",
              .access_key = longer,
              .resources = {}};
  std::string encoded;
  AppendFacts(facts, encoded);
  const auto read = ParseFacts(encoded);
  ASSERT_TRUE(read.ok());
  facts.access_key = longest;
  EXPECT_EQ(*read, facts);
  for (std::size_t size = 0; size < encoded.size(); ++size)
    EXPECT_FALSE(ParseFacts(std::string_view(encoded).substr(0, size)).ok()) << size;
  EXPECT_FALSE(ParseFacts(encoded + "x").ok());
}

struct TypeRow {
  std::string name, arn, type, account;
};
class ResourceTypeTest : public ::testing::TestWithParam<TypeRow> {};
TEST_P(ResourceTypeTest, ComesFromTheArn) {
  EXPECT_EQ(ResourceType(GetParam().arn), GetParam().type);
  EXPECT_EQ(AccountOf(GetParam().arn), GetParam().account);
}
INSTANTIATE_TEST_SUITE_P(
    Rows, ResourceTypeTest,
    ::testing::Values(TypeRow{"Key", "arn:aws:kms:us-east-1:111122223333:key/mrk-1", "AWS::KMS::Key", "111122223333"},
                      TypeRow{"Alias", "arn:aws:kms:us-east-1:111122223333:alias/x", "AWS::KMS::Alias", "111122223333"},
                      TypeRow{"Cluster", "arn:aws:cloudhsm:us-east-1:1:cluster/cluster-a", "AWS::CloudHSM::Cluster",
                              "1"},
                      TypeRow{"Role", "arn:aws:iam::111122223333:role/path/r", "AWS::IAM::Role", "111122223333"},
                      TypeRow{"Unknown", "arn:aws:s3:::bucket", "", ""}, TypeRow{"NotAnArn", "key/1", "", ""},
                      TypeRow{"Empty", "", "", ""}),
    [](const auto& info) { return info.param.name; });

TEST(EventId, TellsItsTime) {
  for (const std::int64_t millis : {std::int64_t{0}, std::int64_t{1'800'000'000'123}, std::int64_t{0xffffffffffff}}) {
    const std::string id = NewEventId(millis);
    EXPECT_EQ(id.size(), 36U);
    EXPECT_EQ(MillisOfEventId(id), millis) << id;
    EXPECT_NE(NewEventId(millis), id);
  }
  for (const std::string wrong :
       {"", "x", "018f3c0a-9e1f-4a4c-9e9a-551d2c3b4a59", "018f3c0a-9e1f-7a4c-9e9a-551d2c3b4a5",
        "018F3c0a-9e1f-7a4c-9e9a-551d2c3b4a59", "018f3c0a-9e1f-7a4c-9e9a-551d2c3b4a5g"})
    EXPECT_FALSE(MillisOfEventId(wrong)) << wrong;
}

TEST(EventId, IsFoundBehindWhateverACallerNames) {
  const std::string json =
      R"({"requestParameters":{"encryptionContext":{"eventID":"00000000-0000-7000-8000-000000000000"}},"eventID":"018f3c0a-9e1f-7a4c-9e9a-551d2c3b4a59","readOnly":true})";
  EXPECT_EQ(EventIdIn(json), "018f3c0a-9e1f-7a4c-9e9a-551d2c3b4a59");
  EXPECT_EQ(EventIdIn("{}"), "");
  EXPECT_EQ(EventIdIn(R"({"eventID":"short"})"), "");
}

}  // namespace
}  // namespace strongroom::trail
