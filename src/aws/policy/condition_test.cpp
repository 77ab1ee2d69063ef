#include "aws/policy/condition.h"

#include <gtest/gtest.h>

#include "aws/policy/engine.h"

namespace strongroom::aws {
namespace {

ports::WallTime At(std::int64_t seconds) { return ports::WallTime(std::chrono::seconds(seconds)); }

/// A session of a role with everything that a caller can have.
ports::Caller Anna() {
  ports::Caller caller;
  caller.kind = ports::PrincipalKind::kUser;
  caller.account = "111122223333";
  caller.arn = "arn:aws:iam::111122223333:user/dev/anna";
  caller.principal_id = "AIDAANNA";
  caller.user_name = "anna";
  caller.tags = std::make_shared<const std::vector<ports::Tag>>(
      std::vector<ports::Tag>{{"Dept", "IT"}, {"Stars", "*"}, {"Empty", ""}});
  ports::Session session;
  session.issued_at = At(1'767'225'600);  // 2026-01-01T00:00:00Z
  session.mfa_at = At(1'767'225'500);
  session.source_identity = "anna@example.org";
  session.federated_provider = "idp.example";
  session.claims = {{"idp.example:sub", "42"}};
  caller.session = std::make_shared<const ports::Session>(std::move(session));
  return caller;
}

class Source final : public ports::ConditionSource {
 public:
  bool Find(std::string_view key, ports::ConditionValues& values) const override {
    if (key == "kms:Level") {
      values.Keep(std::to_string(7));
    } else if (key == "kms:Names") {
      values.Add("a");
      values.Add("b");
    } else if (key == "kms:Nothing") {
      return true;
    } else {
      return false;
    }
    return true;
  }
};

bool Decide(const std::string& effect, const std::string& condition, const std::string& version = "2012-10-17",
            const std::string& resource = "*") {
  ports::Caller caller = Anna();
  const PolicyEngine engine;
  const auto compile = [&](const std::string& statements) {
    const auto policy =
        engine.Compile(ports::PolicyKind::kKey, R"({"Version":")" + version + R"(","Statement":[)" + statements + "]}");
    EXPECT_TRUE(policy.ok()) << policy.error();
    return policy.ok() ? *policy : nullptr;
  };
  const std::string open = R"({"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"},)";
  const auto policy =
      compile((effect == "Deny" ? open : "") + R"({"Effect":")" + effect +
              R"(","Principal":"*","Action":"*","Resource":")" + resource + R"(","Condition":)" + condition + "}");
  const ports::ConditionContext context{{"kms:KeySpec", {"RSA_2048"}},
                                        {"kms:EncryptionContext:Dept", {"IT"}},
                                        {"kms:EncryptionContextKeys", {"Dept", "Stage"}},
                                        {"kms:Blob", {"AQID"}},
                                        {"kms:Arn", {"arn:aws:kms:eu:1:key/a"}},
                                        {"kms:Old", {"2025-12-31T23:59:59.500Z"}},
                                        {"kms:Empty", {}}};
  const Source source;
  return engine
      .Decide({.caller = caller,
               .action = "kms:Encrypt",
               .resource = "arn:aws:kms:eu:111122223333:key/anna",
               .resource_account = "111122223333",
               .policy = policy.get(),
               .context = &context,
               .source = &source,
               .request = {.source_ip = "::ffff:10.1.2.3",
                           .user_agent = "aws-cli/2",
                           .region = "eu-central-1",
                           .now = At(1'767'225'660)}})
      .allowed;
}

struct Row {
  std::string name, condition;
  bool holds;
};
const Row kRows[] = {
    {"StringEquals", R"({"StringEquals":{"kms:KeySpec":"RSA_2048"}})", true},
    {"StringEqualsOneOf", R"({"StringEquals":{"kms:KeySpec":["a","RSA_2048"]}})", true},
    {"StringEqualsKnowsNoWildcards", R"({"StringEquals":{"kms:KeySpec":"RSA*"}})", false},
    {"StringEqualsMindsCase", R"({"StringEquals":{"kms:KeySpec":"rsa_2048"}})", false},
    {"StringNotEquals", R"({"StringNotEquals":{"kms:KeySpec":["a","RSA_2048"]}})", false},
    {"StringNotEqualsOther", R"({"StringNotEquals":{"kms:KeySpec":["a","b"]}})", true},
    {"StringNotEqualsAbsent", R"({"StringNotEquals":{"kms:X":"a"}})", true},
    {"StringEqualsAbsent", R"({"StringEquals":{"kms:X":"a"}})", false},
    {"StringEqualsIfExistsAbsent", R"({"StringEqualsIfExists":{"kms:X":"a"}})", true},
    {"StringEqualsIfExistsOther", R"({"StringEqualsIfExists":{"kms:KeySpec":"a"}})", false},
    {"StringEqualsIgnoreCase", R"({"StringEqualsIgnoreCase":{"kms:KeySpec":"rsa_2048"}})", true},
    {"StringNotEqualsIgnoreCase", R"({"StringNotEqualsIgnoreCase":{"kms:KeySpec":"rsa_2048"}})", false},
    {"StringLike", R"({"StringLike":{"kms:KeySpec":"RSA_?0*"}})", true},
    {"StringNotLike", R"({"StringNotLike":{"kms:KeySpec":"RSA*"}})", false},
    {"KeyIgnoresCase", R"({"StringEquals":{"KMS:encryptioncontext:DEPT":"IT"}})", true},
    {"TwoOperatorsBoth", R"({"StringLike":{"kms:KeySpec":"RSA*"},"Bool":{"aws:SecureTransport":"false"}})", false},
    {"TwoKeysBoth", R"({"StringEquals":{"kms:KeySpec":"RSA_2048","kms:X":"a"}})", false},
    {"NumericEquals", R"({"NumericEquals":{"kms:Level":7}})", true},
    {"NumericEqualsFraction", R"({"NumericEquals":{"kms:Level":"7.0"}})", true},
    {"NumericNotEquals", R"({"NumericNotEquals":{"kms:Level":"7"}})", false},
    {"NumericLessThan", R"({"NumericLessThan":{"kms:Level":"7"}})", false},
    {"NumericLessThanEquals", R"({"NumericLessThanEquals":{"kms:Level":"7"}})", true},
    {"NumericGreaterThan", R"({"NumericGreaterThan":{"kms:Level":"-1"}})", true},
    {"NumericGreaterThanEquals", R"({"NumericGreaterThanEquals":{"kms:Level":"8"}})", false},
    {"NumericOfNoNumber", R"({"NumericLessThan":{"kms:KeySpec":"8"}})", false},
    {"NumericNotOfNoNumber", R"({"NumericNotEquals":{"kms:KeySpec":"8"}})", true},
    {"DateLessThan", R"({"DateLessThan":{"aws:CurrentTime":"2026-01-01T00:01:01Z"}})", true},
    {"DateGreaterThanDay", R"({"DateGreaterThan":{"aws:CurrentTime":"2026-01-01"}})", true},
    {"DateEqualsWithOffset", R"({"DateEquals":{"aws:CurrentTime":"2026-01-01T01:01:00+01:00"}})", true},
    {"DateEqualsEpoch", R"({"DateEquals":{"aws:CurrentTime":"1767225660"}})", true},
    {"DateOfEpochTime", R"({"DateGreaterThanEquals":{"aws:EpochTime":"2026-01-01T00:01:00Z"}})", true},
    {"NumberOfEpochTime", R"({"NumericEquals":{"aws:EpochTime":"1767225660"}})", true},
    {"DateNotEquals", R"({"DateNotEquals":{"aws:CurrentTime":"2026-01-01T00:01:00Z"}})", false},
    {"DateOfText", R"({"DateLessThanEquals":{"kms:Old":"2025-12-31T23:59:59.5Z"}})", true},
    {"CurrentTimeAsText", R"({"StringLike":{"aws:CurrentTime":"2026-01-01T*"}})", true},
    {"Bool", R"({"Bool":{"aws:SecureTransport":"TRUE"}})", true},
    {"BoolOfOther", R"({"Bool":{"kms:KeySpec":"true"}})", false},
    {"BinaryEquals", R"({"BinaryEquals":{"kms:Blob":"AQID"}})", true},
    {"BinaryEqualsOther", R"({"BinaryEquals":{"kms:Blob":"AQIE"}})", false},
    {"IpAddress", R"({"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}})", true},
    {"IpAddressOdd", R"({"IpAddress":{"aws:SourceIp":"10.1.2.0/29"}})", true},
    {"IpAddressOther", R"({"IpAddress":{"aws:SourceIp":["10.1.2.4/30","2001:db8::/32"]}})", false},
    {"IpAddressV6OfV4", R"({"IpAddress":{"aws:SourceIp":"::/0"}})", true},
    {"NotIpAddress", R"({"NotIpAddress":{"aws:SourceIp":"10.1.2.3"}})", false},
    {"IpOfNoAddress", R"({"IpAddress":{"kms:KeySpec":"0.0.0.0/0"}})", false},
    {"ArnEquals", R"({"ArnEquals":{"kms:Arn":"arn:aws:kms:*:1:key/*"}})", true},
    {"ArnLikeStaysInSegments", R"({"ArnLike":{"kms:Arn":"arn:aws:kms:*:key/a"}})", false},
    {"ArnNotLike", R"({"ArnNotLike":{"kms:Arn":"arn:aws:s3:*:*:*"}})", true},
    {"ArnLikeOfNoArn", R"({"ArnLike":{"kms:KeySpec":"*"}})", false},
    {"NullAbsent", R"({"Null":{"kms:X":"true"}})", true},
    {"NullPresent", R"({"Null":{"kms:KeySpec":"true"}})", false},
    {"NotNull", R"({"Null":{"kms:KeySpec":false}})", true},
    {"EmptyListIsNull", R"({"Null":{"kms:Empty":"true"}})", true},
    {"EmptyListOfASourceIsNull", R"({"Null":{"kms:Nothing":"true"}})", true},
    {"ForAllValues", R"({"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["Stage","Dept","x"]}})", true},
    {"ForAllValuesNotAll", R"({"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["Dept"]}})", false},
    {"ForAllValuesOfNone", R"({"ForAllValues:StringEquals":{"kms:X":["Dept"]}})", true},
    {"ForAnyValue", R"({"ForAnyValue:StringEquals":{"kms:Names":["z","b"]}})", true},
    {"ForAnyValueNone", R"({"ForAnyValue:StringLike":{"kms:EncryptionContextKeys":["x*"]}})", false},
    {"ForAnyValueOfNone", R"({"ForAnyValue:StringNotEquals":{"kms:X":["a"]}})", false},
    {"ForAnyValueIfExistsOfNone", R"({"ForAnyValue:StringEqualsIfExists":{"kms:X":["a"]}})", true},
    {"ForAnyValueNot", R"({"ForAnyValue:StringNotEquals":{"kms:Names":["a"]}})", true},
    {"ForAllValuesNot", R"({"ForAllValues:StringNotEquals":{"kms:Names":["a"]}})", false},
    {"PrincipalArn", R"({"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/dev/*"}})", true},
    {"PrincipalAccount", R"({"StringEquals":{"aws:PrincipalAccount":"111122223333"}})", true},
    {"PrincipalType", R"({"StringEquals":{"aws:PrincipalType":"User"}})", true},
    {"PrincipalTag", R"({"StringEquals":{"aws:PrincipalTag/dept":"IT"}})", true},
    {"PrincipalTagAbsent", R"({"Null":{"aws:PrincipalTag/x":"true"}})", true},
    {"PrincipalIsAwsService", R"({"Bool":{"aws:PrincipalIsAWSService":"false"}})", true},
    {"UserId", R"({"StringEquals":{"aws:userid":"AIDAANNA"}})", true},
    {"UserName", R"({"StringEquals":{"aws:username":"anna"}})", true},
    {"MfaPresent", R"({"Bool":{"aws:MultiFactorAuthPresent":"true"}})", true},
    {"MfaAge",
     R"({"NumericLessThan":{"aws:MultiFactorAuthAge":"161"},"NumericGreaterThan":{"aws:MultiFactorAuthAge":"159"}})",
     true},
    {"TokenIssueTime", R"({"DateLessThan":{"aws:TokenIssueTime":"2026-01-01T00:00:00Z"}})", false},
    {"SourceIdentity", R"({"StringLike":{"aws:SourceIdentity":"*@example.org"}})", true},
    {"FederatedProvider", R"({"StringEquals":{"aws:FederatedProvider":"idp.example"}})", true},
    {"Claim", R"({"StringEquals":{"idp.example:sub":"42"}})", true},
    {"UserAgent", R"({"StringLike":{"aws:UserAgent":"aws-cli/*"}})", true},
    {"RequestedRegion", R"({"StringEquals":{"aws:RequestedRegion":"eu-central-1"}})", true},
    {"ResourceAccount", R"({"StringEquals":{"aws:ResourceAccount":"${aws:PrincipalAccount}"}})", true},
    {"ViaAwsService", R"({"Bool":{"aws:ViaAWSService":"false"}})", true},
    {"VariableInAValue", R"({"StringEquals":{"kms:EncryptionContext:Dept":"${aws:PrincipalTag/Dept}"}})", true},
    {"VariableWithinAValue", R"({"StringLike":{"aws:SourceIdentity":"${aws:username}@*"}})", true},
    {"VariableIsNoWildcard", R"({"StringLike":{"kms:KeySpec":"${aws:PrincipalTag/Stars}"}})", false},
    {"VariableMissing", R"({"StringEquals":{"kms:KeySpec":"${aws:PrincipalTag/x}"}})", false},
    {"VariableMissingNegated", R"({"StringNotEquals":{"kms:KeySpec":"${aws:PrincipalTag/x}"}})", true},
    {"VariableWithDefault", R"({"StringEquals":{"kms:KeySpec":"${aws:PrincipalTag/x, 'RSA_2048'}"}})", true},
    {"VariableWithUnneededDefault", R"({"StringEquals":{"kms:EncryptionContext:Dept":"${aws:PrincipalTag/Dept,'x'}"}})",
     true},
    {"VariableOfManyValues", R"({"StringLike":{"kms:KeySpec":"${kms:Names, 'RSA*'}"}})", false},
    {"LiteralStar", R"({"StringLike":{"kms:KeySpec":"RSA${*}"}})", false},
};
class ConditionTable : public ::testing::TestWithParam<Row> {};
TEST_P(ConditionTable, HoldsAsTheRowSays) {
  EXPECT_EQ(Decide("Allow", GetParam().condition), GetParam().holds);
  EXPECT_EQ(Decide("Deny", GetParam().condition), !GetParam().holds);
}
INSTANTIATE_TEST_SUITE_P(Policy, ConditionTable, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST(Condition, OfManyValuesWithoutASetOperatorErrsOnTheClosedSide) {
  const std::string one_of_two = R"({"StringEquals":{"kms:Names":"a"}})";
  EXPECT_FALSE(Decide("Allow", one_of_two));
  EXPECT_FALSE(Decide("Deny", one_of_two));
  EXPECT_TRUE(Decide("Allow", R"({"StringEquals":{"kms:Names":["a","b"]}})"));
  EXPECT_TRUE(Decide("Deny", R"({"StringEquals":{"kms:Names":"c"}})"));
}

TEST(Condition, VariablesAreLettersInTheOldVersion) {
  const std::string condition = R"({"StringEquals":{"aws:username":"${aws:username}"}})";
  EXPECT_TRUE(Decide("Allow", condition));
  EXPECT_FALSE(Decide("Allow", condition, "2008-10-17"));
}

TEST(Condition, VariablesInResources) {
  EXPECT_TRUE(Decide("Allow", "{}", "2012-10-17", "arn:aws:kms:*:111122223333:key/${aws:username}"));
  EXPECT_FALSE(Decide("Allow", "{}", "2012-10-17", "arn:aws:kms:*:111122223333:key/${aws:PrincipalTag/Stars}"));
  EXPECT_FALSE(Decide("Allow", "{}", "2012-10-17", "arn:aws:kms:*:111122223333:key/${aws:PrincipalTag/x}"));
  EXPECT_FALSE(Decide("Allow", "{}", "2008-10-17", "arn:aws:kms:*:111122223333:key/${aws:username}"));
}

TEST(Condition, AKeysPolicyDoesNotSeeTheKeysTags) {
  const PolicyEngine engine;
  ports::Caller anna = Anna();
  const ports::ConditionContext context{{"aws:ResourceTag/Dept", {"IT"}}, {"kms:ResourceAliases", {"alias/a"}}};
  for (const char* const key : {"aws:resourcetag/dept", "kms:resourcealiases"}) {
    const std::string statement = R"("Effect":"Allow","Action":"*","Resource":"*","Condition":{"Null":{")" +
                                  std::string(key) + R"(":"false"}}}})";
    auto of_key = engine.Compile(ports::PolicyKind::kKey, R"({"Statement":{"Principal":"*",)" + statement);
    auto open = engine.Compile(ports::PolicyKind::kKey,
                               R"({"Statement":{"Principal":{"AWS":"111122223333"},"Effect":"Allow","Action":"*",)"
                               R"("Resource":"*"}})");
    auto own = engine.Compile(ports::PolicyKind::kIdentity, R"({"Version":"2012-10-17","Statement":{)" + statement);
    ASSERT_TRUE(of_key.ok() && open.ok() && own.ok());
    ports::PrincipalPolicies policies;
    policies.identity.push_back({"p", *own});
    anna.policies = nullptr;
    EXPECT_FALSE(
        engine.Decide({.caller = anna, .action = "kms:Sign", .policy = of_key->get(), .context = &context}).allowed);
    anna.policies = std::make_shared<const ports::PrincipalPolicies>(policies);
    EXPECT_TRUE(
        engine.Decide({.caller = anna, .action = "kms:Sign", .policy = open->get(), .context = &context}).allowed);
  }
}

}  // namespace
}  // namespace strongroom::aws
