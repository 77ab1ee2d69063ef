#include <gtest/gtest.h>

#include "aws/policy/engine.h"

namespace strongroom::aws {
namespace {
using ports::PolicyKind;

constexpr PolicyKind kIdentity = PolicyKind::kIdentity, kTrust = PolicyKind::kTrust, kResource = PolicyKind::kResource;

std::string Policy(const std::string& statement) { return R"({"Version":"2012-10-17","Statement":)" + statement + "}"; }
std::string Identity(const std::string& action, const std::string& resource) {
  return Policy(R"({"Effect":"Allow","Action":)" + action + R"(,"Resource":)" + resource + "}");
}
std::string Trust(const std::string& principal, const std::string& more = "") {
  return Policy(R"({"Effect":"Allow","Principal":)" + principal + R"(,"Action":"sts:AssumeRole")" + more + "}");
}
std::string Sids(const std::string& first, const std::string& second) {
  const std::string rest = R"(,"Effect":"Deny","Action":"*","Resource":"*"})";
  return Policy(R"([{"Sid":")" + first + "\"" + rest + R"(,{"Sid":")" + second + "\"" + rest + "]");
}

struct Row {
  std::string name;
  PolicyKind kind;
  std::string policy, text;  // text "" means accepted
};
const std::string kSyntax = "Syntax errors in policy.";
const std::string kVendor = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
const std::string kRegex = "Resource vendor must be fully qualified and cannot contain regexes.";
const Row kRows[] = {
    {"Everything", kIdentity, Identity(R"("*")", R"("*")"), ""},
    {"ManyOfEach", kIdentity, Identity(R"(["kms:Encrypt","kms:De*"])", R"(["arn:aws:kms:*:111122223333:key/*","*"])"),
     ""},
    {"Boundary", PolicyKind::kBoundary, Identity(R"("kms:*")", R"("*")"), ""},
    {"Session", PolicyKind::kSession, Identity(R"("kms:*")", R"("*")"), ""},
    {"SidsDiffer", kIdentity, Sids("a", "b"), ""},
    {"NotJson", kIdentity, "kms", kSyntax},
    {"Nesting", kIdentity, std::string(16384, '['), kSyntax},
    {"UnknownElement", kIdentity, R"({"Version":"2012-10-17","Rules":[]})", kSyntax},
    {"NoStatement", kIdentity, R"({"Version":"2012-10-17"})", kSyntax},
    {"EmptyStatement", kIdentity, Policy("[]"), kSyntax},
    {"StatementTwice", kIdentity, R"({"Version":"2012-10-17","Statement":[],"Statement":[]})", kSyntax},
    {"UnknownVersion", kIdentity, R"({"Version":"2020-01-01","Statement":[]})", kSyntax},
    {"NoEffect", kIdentity, Policy(R"({"Action":"*","Resource":"*"})"), kSyntax},
    {"EffectInLowerCase", kIdentity, Policy(R"({"Effect":"allow","Action":"*","Resource":"*"})"), kSyntax},
    {"ActionIsANumber", kIdentity, Identity("1", R"("*")"), kSyntax},
    {"UnknownOperator", kIdentity,
     Policy(R"({"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Equals":{"aws:x":"y"}}})"), kSyntax},
    {"OldVersion", kIdentity, R"({"Version":"2008-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}})",
     "Policy document must be version 2012-10-17 or greater."},
    {"NoVersion", kIdentity, R"({"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}})",
     "Policy document must be version 2012-10-17 or greater."},
    {"PrincipalInIdentity", kIdentity, Policy(R"({"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"})"),
     "Policy document should not specify a principal."},
    {"SameSids", kIdentity, Sids("a", "a"), "Statement IDs (SID) in a single policy must be unique."},
    {"SidWithSpaces", kIdentity, Sids("a b", "c"),
     "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
    {"NoAction", kIdentity, Policy(R"({"Effect":"Allow","Resource":"*"})"), "Policy statement must contain actions."},
    {"EmptyActions", kIdentity, Identity("[]", R"("*")"), "Policy statement must contain actions."},
    {"NoResource", kIdentity, Policy(R"({"Effect":"Allow","Action":"*"})"), "Policy statement must contain resources."},
    {"EmptyResources", kIdentity, Identity(R"("*")", "[]"), "Policy statement must contain resources."},
    {"ResourceIsNoArn", kIdentity, Identity(R"("*")", R"("key/1")"), "Resource key/1 must be in ARN format or \"*\"."},
    {"ForeignPartition", kIdentity, Identity(R"("*")", R"("arn:ibm:kms:::key/1")"),
     "Partition \"ibm\" is not valid for resource \"arn:ibm:kms:::key/1\"."},
    {"WildcardAsVendor", kIdentity, Identity(R"("*")", R"("arn:aws:k*:::key/1")"), kRegex},
    {"NoVendorInResource", kIdentity, Identity(R"("*")", R"("arn:aws")"), kRegex},
    {"ActionWithoutVendor", kIdentity, Identity(R"("Encrypt")", R"("*")"), kVendor},
    {"ActionWithTwoColons", kIdentity, Identity(R"("kms:a:b")", R"("*")"),
     "Actions/Condition can contain only one colon."},
    {"ActionVendorWithWildcard", kIdentity, Identity(R"("k*:Encrypt")", R"("*")"), "Vendor k* is not valid"},
    {"ConditionWithoutVendor", kIdentity,
     Policy(R"({"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"x":"true"}}})"), kVendor},
    {"NotADate", kIdentity,
     Policy(
         R"({"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"soon"}}})"),
     "The policy failed legacy parsing"},

    {"TrustsAnAccount", kTrust, Trust(R"({"AWS":"111122223333"})"), ""},
    {"TrustsAService", kTrust, Trust(R"({"Service":["ec2.amazonaws.com","kms.amazonaws.com"]})"), ""},
    {"TrustsAProvider", kTrust,
     Policy(R"({"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/idp.example/x"},)"
            R"("Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"idp.example/x:aud":"sts"}}})"),
     ""},
    {"TrustInOldVersion", kTrust,
     R"({"Version":"2008-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}})",
     ""},
    {"TrustsNobody", kTrust, Policy(R"({"Effect":"Allow","Action":"sts:AssumeRole"})"),
     "Missing required field Principal"},
    {"TrustsEmptyPrincipal", kTrust, Trust("{}"), "Missing required field Principal cannot be empty!"},
    {"TrustOnAResource", kTrust, Trust(R"({"AWS":"111122223333"})", R"(,"Resource":"*")"),
     "Has prohibited field Resource"},
    {"TrustsForOtherActions", kTrust, Policy(R"({"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:Encrypt"})"),
     "AssumeRole policy may only specify STS AssumeRole actions."},
    {"TrustsAMalformedArn", kTrust, Trust(R"({"AWS":"arn:aws:iam::1:root"})"),
     "Invalid principal in policy: \"AWS\":\"arn:aws:iam::1:root\""},
    {"TrustsAWildcardArn", kTrust, Trust(R"({"AWS":"arn:aws:iam::111122223333:role/*"})"),
     "Invalid principal in policy: \"AWS\":\"arn:aws:iam::111122223333:role/*\""},
    {"TrustsACanonicalUser", kTrust, Trust(R"({"CanonicalUser":"79a5"})"),
     "Invalid principal in policy: \"CanonicalUser\":\"79a5\""},
    {"TrustsAllButOne", kTrust,
     Policy(R"({"Effect":"Allow","NotPrincipal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"})"), kSyntax},
    {"Resource", kResource,
     Policy(R"({"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::bucket"})"), ""},
    {"ResourceForNobody", kResource, Identity(R"("*")", R"("*")"), "Missing required field Principal"},
};
class IamRules : public ::testing::TestWithParam<Row> {};
TEST_P(IamRules, AnswerInItsWords) {
  const auto compiled = PolicyEngine().Compile(GetParam().kind, GetParam().policy);
  if (GetParam().text.empty()) {
    EXPECT_TRUE(compiled.ok()) << compiled.error();
    return;
  }
  ASSERT_FALSE(compiled.ok());
  EXPECT_EQ(compiled.error().code(), Errc::kMalformedPolicy);
  EXPECT_EQ(compiled.error().public_message(), GetParam().text);
}
INSTANTIATE_TEST_SUITE_P(Policy, IamRules, ::testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace strongroom::aws
