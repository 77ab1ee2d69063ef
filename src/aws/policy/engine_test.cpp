#include "aws/policy/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace strongroom::aws {
namespace {

ports::Caller Root(std::string account) {
  ports::Caller caller;
  caller.account = account;
  caller.arn = "arn:aws:iam::" + account + ":root";
  return caller;
}
constexpr std::string_view kArn = "arn:aws:kms:eu-central-1:111122223333:key/1";

std::string Policy(const std::string& statement) {
  return R"({"Version":"2012-10-17","Statement":[)" + statement + "]}";
}
std::string Allow(const std::string& principal, const std::string& action, const std::string& more = "") {
  return R"({"Effect":"Allow","Principal":)" + principal + R"(,"Action":)" + action + R"(,"Resource":"*")" + more + "}";
}
const std::string kRoot = R"({"AWS":"arn:aws:iam::111122223333:root"})";
const std::string kRefused =
    "User: arn:aws:iam::111122223333:root is not authorized to perform: kms:Encrypt on resource: "
    "arn:aws:kms:eu-central-1:111122223333:key/1 ";

struct Row {
  std::string name, policy, caller, message;  // message "" means allowed
};
const Row kRows[] = {
    {"DefaultPolicy", Policy(Allow(kRoot, "\"kms:*\"")), "111122223333", ""},
    {"AccountIdAsPrincipal", Policy(Allow(R"({"AWS":["111122223333"]})", "[\"kms:Encrypt\"]")), "111122223333", ""},
    {"Everyone", Policy(Allow("\"*\"", "\"*\"")), "111122223333", ""},
    {"ActionIgnoresCase", Policy(Allow(kRoot, "\"KMS:enc?ypt\"")), "111122223333", ""},
    {"OtherAction", Policy(Allow(kRoot, "\"kms:Decrypt\"")), "111122223333",
     kRefused + "because no resource-based policy allows the kms:Encrypt action"},
    {"NoStatementForRoot", Policy(Allow(R"({"AWS":"arn:aws:iam::111122223333:user/x"})", "\"kms:*\"")), "111122223333",
     kRefused + "because no resource-based policy allows the kms:Encrypt action"},
    {"DenyWins",
     Policy(Allow(kRoot, "\"kms:*\"") + R"(,{"Effect":"Deny","Principal":"*","Action":"kms:Enc*","Resource":"*"})"),
     "111122223333", kRefused + "with an explicit deny in a resource-based policy"},
    {"OtherResource",
     Policy(R"({"Effect":"Allow","Principal":"*","Action":"*","Resource":"arn:aws:kms:eu-central-1:1:key/2"})"),
     "111122223333", kRefused + "because no resource-based policy allows the kms:Encrypt action"},
    {"NoResourceHasNoEffect", Policy(R"({"Effect":"Allow","Principal":"*","Action":"*"})"), "111122223333",
     kRefused + "because no resource-based policy allows the kms:Encrypt action"},
    {"ConditionHolds", Policy(Allow(kRoot, "\"kms:*\"", R"(,"Condition":{"Bool":{"aws:SecureTransport":"true"}})")),
     "111122223333", ""},
    {"ConditionDoesNotHold",
     Policy(Allow(kRoot, "\"kms:*\"", R"(,"Condition":{"Bool":{"aws:SecureTransport":"false"}})")), "111122223333",
     kRefused + "because no resource-based policy allows the kms:Encrypt action"},
    {"ForeignAccount", Policy(Allow(kRoot, "\"kms:*\"")), "444455556666",
     "User: arn:aws:iam::444455556666:root is not authorized to perform: kms:Encrypt on this resource because the "
     "resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy "
     "explicitly denies access"},
    {"ForeignAccountNamed", Policy(Allow(R"({"AWS":"444455556666"})", "\"kms:*\"")), "444455556666", ""},
};
class Decisions : public ::testing::TestWithParam<Row> {};
TEST_P(Decisions, AreAsTheRowSays) {
  const PolicyEngine authorizer;
  auto policy = authorizer.Compile(ports::PolicyKind::kKey, GetParam().policy);
  ASSERT_TRUE(policy.ok()) << policy.error();
  const ports::Caller caller = Root(GetParam().caller);
  const ports::Decision decision = authorizer.Decide({.caller = caller,
                                                      .action = "kms:Encrypt",
                                                      .resource = kArn,
                                                      .resource_account = "111122223333",
                                                      .policy = policy->get()});
  EXPECT_EQ(decision.allowed, GetParam().message.empty());
  EXPECT_EQ(decision.message, GetParam().message);
}
INSTANTIATE_TEST_SUITE_P(Policy, Decisions, ::testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

std::string Conditional(const std::string& condition) {
  return R"({"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*","Condition":)" + condition + "}";
}
TEST(Policy, KeepsEveryConditionOperator) {
  for (const char* const condition :
       {R"({"StringEqualsIfExists":{"kms:ViaService":["a","b"]}})",
        R"({"ForAnyValue:StringLike":{"kms:EncryptionContextKeys":"a"}})",
        R"({"ForAllValues:ArnLikeIfExists":{"aws:PrincipalArn":"arn:*"}})",
        R"({"Bool":{"kms:GrantIsForAWSResource":true}})",
        R"({"NumericLessThan":{"kms:RotationPeriodInDays":400},"Null":{"aws:username":"true"}})", "{}"}) {
    const auto policy = PolicyEngine().Compile(ports::PolicyKind::kKey, Policy(Conditional(condition)));
    EXPECT_TRUE(policy.ok()) << condition;
  }
}

struct BadRow {
  std::string name, policy, text;
};
const BadRow kBadRows[] = {
    {"NotJson", "{", "The policy is not a JSON object."},
    {"NotAnObject", "[]", "The policy is not a JSON object."},
    {"TrailingText", Policy("") + "x", "The policy is not a JSON object."},
    {"MemberTwice", R"({"Version":"2012-10-17","Statement":[],"Version":"2012-10-17"})",
     "The policy has the member Version twice."},
    {"ConditionOperatorTwice",
     Policy(Conditional(R"({"Bool":{"aws:SecureTransport":"true"},"Bool":{"aws:ViaAWSService":"true"}})")),
     "The policy has the member Bool twice."},
    {"Nesting", std::string(16384, '[') + std::string(16384, ']'), "The policy nests deeper than 8 levels."},
    {"NestingInAStatement", Policy(R"({"Effect":"Allow","Principal":)" + std::string(9000, '[')),
     "The policy nests deeper than 8 levels."},
    {"TooLong", std::string(131'073, ' '), "The policy is longer than 131072 bytes."},
    {"InvalidUtf8", "{\"Version\":\"\xff\"}", "The policy is not a JSON object."},
    {"ActionAndNotAction", Policy(R"({"Effect":"Deny","Principal":"*","Action":"*","NotAction":"*","Resource":"*"})"),
     "Statement 1: Action and NotAction exclude each other."},
    {"AllowToAllButOne", Policy(R"({"Effect":"Allow","NotPrincipal":"*","Action":"*","Resource":"*"})"),
     "Statement 1: NotPrincipal with Effect Allow is not supported."},
    {"CanonicalUser", Policy(Allow(R"({"CanonicalUser":"79a59df900b949e55d96a1e698fbaced"})", "\"*\"")),
     "Policy contains a statement with one or more invalid principals."},
    {"GroupAsPrincipal", Policy(Allow(R"({"AWS":"arn:aws:iam::111122223333:group/g"})", "\"*\"")),
     "Policy contains a statement with one or more invalid principals."},
    {"WildcardInAPrincipal", Policy(Allow(R"({"AWS":"arn:aws:iam::111122223333:user/a*"})", "\"*\"")),
     "Policy contains a statement with one or more invalid principals."},
    {"NotANumber", Policy(Conditional(R"({"NumericLessThan":{"kms:RotationPeriodInDays":["1","x"]}})")),
     "Statement 1: Condition: x is no value for NumericLessThan."},
    {"NotADate", Policy(Conditional(R"({"DateLessThan":{"aws:CurrentTime":"2026-13-01"}})")),
     "Statement 1: Condition: 2026-13-01 is no value for DateLessThan."},
    {"NotAnAddress", Policy(Conditional(R"({"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}})")),
     "Statement 1: Condition: 10.0.0.0/33 is no value for IpAddress."},
    {"NotABoolean", Policy(Conditional(R"({"Null":{"aws:username":"maybe"}})")),
     "Statement 1: Condition: maybe is no value for Null."},
    {"UnknownElement", R"({"Version":"2012-10-17","Foo":1,"Statement":[]})", "Foo is not an element of a policy."},
    {"Version", R"({"Version":"2012","Statement":[]})", "Version must be 2012-10-17 or 2008-10-17."},
    {"NoStatement", R"({"Version":"2012-10-17"})", "The policy has no Statement."},
    {"NoEffect", Policy(R"({"Principal":"*"})"), "Statement 1 has no Effect."},
    {"WrongEffect", Policy(R"({"Effect":"Maybe","Principal":"*"})"), "Statement 1: Effect must be Allow or Deny."},
    {"NoPrincipal", Policy(R"({"Effect":"Allow"})"), "Statement 1 has no Principal."},
    {"UnknownStatementElement", Policy(R"({"Effect":"Allow","Principal":"*","Actions":"x"})"),
     "Statement 1: Actions is not an element of a statement."},
    {"MalformedPrincipal", Policy(Allow(R"({"AWS":"arn:aws:iam::1:root"})", "\"*\"")),
     "Policy contains a statement with one or more invalid principals."},
    {"UnknownOperator", Policy(Conditional(R"({"StringIs":{"aws:username":"x"}})")),
     "Statement 1: Condition: StringIs is not a condition operator."},
    {"IfExistsOfNull", Policy(Conditional(R"({"NullIfExists":{"aws:username":"true"}})")),
     "Statement 1: Condition: NullIfExists is not a condition operator."},
    {"OperatorWithoutKeys", Policy(Conditional(R"({"Bool":{}})")),
     "Statement 1: Condition: Bool must be an object of condition keys."},
    {"KeyWithoutPrefix", Policy(Conditional(R"({"Bool":{"username":"true"}})")),
     "Statement 1: Condition: username is not a condition key."},
    {"NoValues", Policy(Conditional(R"({"StringLike":{"aws:username":[]}})")),
     "Statement 1: Condition: aws:username must be a value or a list of values."},
    {"NullValue", Policy(Conditional(R"({"StringLike":{"aws:username":null}})")),
     "Statement 1: Condition: aws:username must be a value or a list of values."},
    {"ForAllValuesOfOne", Policy(Conditional(R"({"ForAllValues:StringEquals":{"kms:encryptioncontext:a":"1"}})")),
     "OverlyPermissiveCondition: Statement 1: Condition: ForAllValues with kms:encryptioncontext:a, which has a single "
     "value, also matches requests without it. Remove the set operator."},
    {"Federated", Policy(Allow(R"({"Federated":"x"})", "\"*\"")),
     "Policy contains a statement with one or more invalid principals."},
};
class BadPolicies : public ::testing::TestWithParam<BadRow> {};
TEST_P(BadPolicies, AreRefusedByName) {
  auto policy = PolicyEngine().Compile(ports::PolicyKind::kKey, GetParam().policy);
  ASSERT_FALSE(policy.ok());
  EXPECT_EQ(policy.error().code(), Errc::kMalformedPolicy);
  EXPECT_EQ(policy.error().public_message(), GetParam().text);
}
INSTANTIATE_TEST_SUITE_P(Policy, BadPolicies, ::testing::ValuesIn(kBadRows),
                         [](const auto& row) { return row.param.name; });

TEST(Policy, ActionsWithoutAKeyBelongToTheRoot) {
  const ports::Caller root = Root("111122223333");
  ports::Caller user = root;
  user.kind = ports::PrincipalKind::kUser;
  user.arn = "arn:aws:iam::111122223333:user/x";
  const PolicyEngine authorizer;
  EXPECT_TRUE(authorizer.Decide({.caller = root, .action = "kms:ListKeys"}).allowed);
  EXPECT_EQ(authorizer.Decide({.caller = user, .action = "kms:ListKeys"}).message,
            "User: arn:aws:iam::111122223333:user/x is not authorized to perform: kms:ListKeys on resource: * because "
            "no identity-based policy allows the kms:ListKeys action");
}

/// Values of conditions in as long a key policy as there can be, which a long text of the request makes longer.
struct CostRow {
  std::string name, op, value;
  bool distinct = false;  // each value with a number behind it
};
const CostRow kCosts[] = {
    {"RunsAndLettersOfVariables", "StringLike", "*?${aws:UserAgent}b"},
    {"Negated", "StringNotLike", "*?${aws:UserAgent}b"},
    {"Arns", "ArnLike", "*:*:*:*:*:*?${aws:UserAgent}b"},
    {"CopiesOfVariables", "StringEquals", "${aws:UserAgent}${aws:UserAgent}"},
    {"CaseIgnored", "StringEqualsIgnoreCase", "${aws:UserAgent}b"},
    {"WithoutVariables", "StringLike", "*?ab", true},
};
class Costs : public ::testing::TestWithParam<CostRow> {};
TEST_P(Costs, AreBoundedAndADecisionBeyondIsARefusal) {
  const std::string agent(8'192, 'a');
  std::string values;
  for (int i = 0; values.size() + GetParam().value.size() < 32'000; ++i)
    values += (i == 0 ? "\"" : ",\"") + GetParam().value + (GetParam().distinct ? std::to_string(i) : "") + "\"";
  const auto statement = [&](const std::string& effect) {
    return R"({"Effect":")" + effect + R"(","Principal":"*","Action":"kms:*","Resource":"*","Condition":{")" +
           GetParam().op + R"(":{"aws:UserAgent":[)" + values + "]}}}";
  };
  const PolicyEngine engine;
  for (const char* const effect : {"Deny", "Allow"}) {
    const auto policy =
        engine.Compile(ports::PolicyKind::kKey, Policy(statement(effect) + "," + Allow(kRoot, "\"kms:*\"")));
    ASSERT_TRUE(policy.ok()) << policy.error();
    const ports::Caller caller = Root("111122223333");
    const ports::Question question{.caller = caller,
                                   .action = "kms:Encrypt",
                                   .resource = kArn,
                                   .resource_account = "111122223333",
                                   .policy = policy->get(),
                                   .request = {.source_ip = {}, .user_agent = agent, .region = {}, .now = {}}};
    policy::Steps steps;
    const ports::Decision decision = engine.Decide(question, steps);
    EXPECT_FALSE(decision.allowed) << effect;
    EXPECT_TRUE(decision.explicit_deny) << effect << ": a grant must not help";
    EXPECT_THAT(decision.message, ::testing::EndsWith("because its policies take too long to evaluate"));
    EXPECT_TRUE(steps.exhausted());
    EXPECT_LE(steps.taken(), policy::Steps::kOfDecision + 100'000) << effect;
    EXPECT_FALSE(engine.Decide(question).allowed);
  }
}
INSTANTIATE_TEST_SUITE_P(Policy, Costs, ::testing::ValuesIn(kCosts), [](const auto& row) { return row.param.name; });

TEST(Policy, AnOrdinaryDecisionTakesFewSteps) {
  const PolicyEngine engine;
  const auto policy = engine.Compile(
      ports::PolicyKind::kKey,
      Policy(Allow(kRoot, "\"kms:*\"",
                   R"(,"Condition":{"StringLike":{"aws:UserAgent":["aws-cli/*","*${aws:PrincipalAccount}*"]}})")));
  ASSERT_TRUE(policy.ok()) << policy.error();
  const ports::Caller caller = Root("111122223333");
  policy::Steps steps;
  EXPECT_TRUE(engine
                  .Decide({.caller = caller,
                           .action = "kms:Encrypt",
                           .resource = kArn,
                           .resource_account = "111122223333",
                           .policy = policy->get(),
                           .request = {.source_ip = {}, .user_agent = "aws-cli/2", .region = {}, .now = {}}},
                          steps)
                  .allowed);
  EXPECT_LE(steps.taken(), 1'000U);
}

}  // namespace
}  // namespace strongroom::aws
