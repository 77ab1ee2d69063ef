// How policies of all kinds decide together. Source: IAM User Guide, "Policy evaluation logic"; spec/kms.md 6.8.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/policy/engine.h"

namespace strongroom::aws {
namespace {
using ports::PolicyKind;
using ports::PrincipalKind;

const std::string kHome = "111122223333", kAway = "444455556666";
const std::string kIam = "arn:aws:iam::111122223333:", kSts = "arn:aws:sts::111122223333:";

ports::Caller Person(const std::string& who) {
  ports::Caller caller;
  caller.account = kHome;
  if (who == "root") {
    caller.arn = kIam + "root";
    caller.principal_id = kHome;
  } else if (who == "anna") {
    caller.kind = PrincipalKind::kUser;
    caller.arn = kIam + "user/anna";
    caller.user_name = "anna";
    caller.principal_id = "AIDAANNA";
  } else if (who == "session") {
    caller.kind = PrincipalKind::kAssumedRole;
    caller.role_arn = kIam + "role/admin";
    caller.arn = kSts + "assumed-role/admin/s1";
    caller.principal_id = "AROAADMIN:s1";
    caller.behind_id = "AROAADMIN";
  } else if (who == "federated") {
    caller.kind = PrincipalKind::kFederatedUser;
    caller.role_arn = kIam + "user/anna";
    caller.arn = kSts + "federated-user/bob";
    caller.principal_id = kHome + ":bob";
    caller.behind_id = "AIDAANNA";
  } else if (who == "stranger") {
    caller.kind = PrincipalKind::kUser;
    caller.account = kAway;
    caller.arn = "arn:aws:iam::444455556666:user/eve";
  } else if (who == "service") {
    caller.kind = PrincipalKind::kService;
    caller.account.clear();
    caller.arn = "backup.amazonaws.com";
  } else if (who == "bearer") {
    caller.kind = PrincipalKind::kWebIdentity;
    caller.account.clear();
    caller.arn = kIam + "oidc-provider/idp.example";
  } else if (who == "nobody") {
    caller.account.clear();
  }
  return caller;
}

std::string Statement(const std::string& effect, const std::string& action, const std::string& principal = "") {
  return R"({"Effect":")" + effect + R"(","Action":")" + action + "\"" +
         (principal.empty() ? R"(,"Resource":"*")" : principal) + "}";
}
std::string For(const std::string& names, const std::string& type = "AWS") {
  return R"(,"Resource":"*","Principal":{")" + type + R"(":")" + names + "\"}";
}
const std::string kAllow = Statement("Allow", "*"), kDeny = Statement("Deny", "kms:Encrypt"),
                  kOther = Statement("Allow", "kms:Sign");
const std::string kNone = "-";  // no such policy
std::string Key(const std::string& names) { return Statement("Allow", "kms:*", For(names)); }

struct Row {
  std::string name, who, resource, identity, boundary, session;
  std::string reason;  // "" when allowed
  PolicyKind kind = PolicyKind::kKey;
};
const std::string kNoIdentity = "because no identity-based policy allows the kms:Encrypt action",
                  kNoResource = "because no resource-based policy allows the kms:Encrypt action",
                  kNoBoundary = "because no permissions boundary allows the kms:Encrypt action",
                  kNoSession = "because no session policy allows the kms:Encrypt action",
                  kForeign =
                      "on this resource because the resource does not exist in this Region, no resource-based "
                      "policies allow access, or a resource-based policy explicitly denies access";
const Row kRows[] = {
    // A key's policy is the root of trust.
    {"RootByItsKey", "root", Key(kHome), kNone, kNone, kNone, ""},
    {"RootIsNotLetIn", "root", Key(kIam + "user/anna"), kNone, kNone, kNone, kNoResource},
    {"RootIsDenied", "root", Key(kHome) + "," + Statement("Deny", "*", For("*")), kNone, kNone, kNone,
     "with an explicit deny in a resource-based policy"},
    {"UserByName", "anna", Key(kIam + "user/anna"), kNone, kNone, kNone, ""},
    {"UserByEveryone", "anna", Key("*"), kNone, kNone, kNone, ""},
    {"UserByAccountAlone", "anna", Key(kHome), kNone, kNone, kNone, kNoIdentity},
    {"UserByAccountAndIdentity", "anna", Key(kHome), kAllow, kNone, kNone, ""},
    {"UserByIdentityAlone", "anna", Key(kIam + "role/admin"), kAllow, kNone, kNone, kNoResource},
    {"UserByOtherIdentity", "anna", Key(kHome), kOther, kNone, kNone, kNoIdentity},
    {"UserDeniedByIdentity", "anna", Key(kIam + "user/anna"), kAllow + "," + kDeny, kNone, kNone,
     "with an explicit deny in an identity-based policy"},
    {"UserDeniedByBoundary", "anna", Key(kHome), kAllow, kAllow + "," + kDeny, kNone,
     "with an explicit deny in a permissions boundary"},
    {"UserDeniedBySession", "anna", Key(kHome), kAllow, kNone, kDeny, "with an explicit deny in a session policy"},
    {"BoundaryLimitsIdentity", "anna", Key(kHome), kAllow, kOther, kNone, kNoBoundary},
    {"BoundaryGivesNothing", "anna", Key(kHome), kNone, kAllow, kNone, kNoIdentity},
    {"BoundaryDoesNotLimitTheNamedUser", "anna", Key(kIam + "user/anna"), kNone, kOther, kNone, ""},
    {"BoundaryLimitsEveryone", "anna", Key("*"), kNone, kOther, kNone, kNoBoundary},
    {"RoleByName", "session", Key(kIam + "role/admin"), kNone, kNone, kNone, ""},
    {"SessionByName", "session", Key(kSts + "assumed-role/admin/s1"), kNone, kNone, kNone, ""},
    {"OtherSession", "session", Key(kSts + "assumed-role/admin/s2"), kAllow, kNone, kNone, kNoResource},
    {"BoundaryLimitsTheRole", "session", Key(kIam + "role/admin"), kAllow, kOther, kNone, kNoBoundary},
    {"SessionPolicyLimitsTheRole", "session", Key(kIam + "role/admin"), kAllow, kNone, kOther, kNoSession},
    {"SessionPolicyDoesNotLimitTheNamedSession", "session", Key(kSts + "assumed-role/admin/s1"), kNone, kOther, kOther,
     ""},
    {"SessionPolicyLimitsIdentity", "session", Key(kHome), kAllow, kNone, kOther, kNoSession},
    {"SessionPolicyGivesNothing", "session", Key(kHome), kOther, kNone, kAllow, kNoIdentity},
    {"AllOfThem", "session", Key(kHome), kAllow, kAllow, kAllow, ""},
    {"EmptySessionPolicies", "federated", Key(kHome), kAllow, kNone, "", kNoSession},
    {"FederatedUserByName", "federated", Key(kSts + "federated-user/bob"), kNone, kNone, "", ""},
    {"FederatedUserByTheUserBehind", "federated", Key(kIam + "user/anna"), kNone, kNone, kOther, kNoSession},
    {"StrangerWithBoth", "stranger", Key(kAway), kAllow, kNone, kNone, ""},
    {"StrangerByNameWithoutIdentity", "stranger", Key("arn:aws:iam::444455556666:user/eve"), kNone, kNone, kNone,
     kForeign},
    {"StrangerByIdentityAlone", "stranger", Key(kHome), kAllow, kNone, kNone, kForeign},
    {"StrangerLimitedByBoundary", "stranger", Key(kAway), kAllow, kOther, kNone, kForeign},
    {"StrangerDenied", "stranger", Key(kAway) + "," + Statement("Deny", "*", For(kAway)), kAllow, kNone, kNone,
     kForeign},
    {"ServiceByName", "service", Statement("Allow", "*", For("backup.amazonaws.com", "Service")), kNone, kNone, kNone,
     ""},
    {"ServiceIsNotEveryone", "service", Key("*"), kNone, kNone, kNone, kNoResource},
    {"Nobody", "nobody", Key("*"), kAllow, kNone, kNone, kNoIdentity},
    // Without a policy of the resource.
    {"RootWithoutKey", "root", kNone, kNone, kNone, kNone, ""},
    {"UserWithoutKey", "anna", kNone, kNone, kNone, kNone, kNoIdentity},
    {"UserWithIdentityWithoutKey", "anna", kNone, kAllow, kNone, kNone, ""},
    {"StrangerWithoutKey", "stranger", kNone, kAllow, kNone, kNone, kForeign},
    // Other resources' policies add to identity policies.
    {"ResourceOrIdentity", "anna", Key(kIam + "role/admin"), kAllow, kNone, kNone, "", PolicyKind::kResource},
    {"ResourceAlone", "anna", Key(kIam + "user/anna"), kNone, kNone, kNone, "", PolicyKind::kResource},
    {"ResourceByAccountAlone", "anna", Key(kHome), kNone, kNone, kNone, kNoIdentity, PolicyKind::kResource},
    {"BearerIsNamed", "bearer",
     Statement("Allow", "*", For("arn:aws:iam::111122223333:oidc-provider/idp.example", "Federated")), kNone, kNone,
     kNone, "", PolicyKind::kResource},
    {"BearerIsNotEveryone", "bearer", Key("*"), kNone, kNone, kNone, kNoResource, PolicyKind::kResource},
    // NotPrincipal.
    {"AllButTheUserAndItsAccount", "anna",
     Key("*") + R"(,{"Effect":"Deny","NotPrincipal":{"AWS":["111122223333","arn:aws:iam::111122223333:user/anna"]},)"
                R"("Action":"*","Resource":"*"})",
     kNone, kNone, kNone, ""},
    {"AllButTheUserWithoutItsAccount", "anna",
     Key("*") + R"(,{"Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::111122223333:user/anna"]},"Action":"*",)"
                R"("Resource":"*"})",
     kNone, kNone, kNone, "with an explicit deny in a resource-based policy"},
    {"AllButAnother", "anna",
     Key("*") + R"(,{"Effect":"Deny","NotPrincipal":{"AWS":["111122223333","arn:aws:iam::111122223333:user/bob"]},)"
                R"("Action":"*","Resource":"*"})",
     kNone, kNone, kNone, "with an explicit deny in a resource-based policy"},
};

const PolicyEngine kEngine;

std::shared_ptr<const ports::Policy> Compile(PolicyKind kind, const std::string& statements) {
  auto policy = kEngine.Compile(kind, R"({"Version":"2012-10-17","Statement":[)" + statements + "]}");
  EXPECT_TRUE(policy.ok()) << policy.error();
  return policy.ok() ? *policy : nullptr;
}

class Evaluation : public ::testing::TestWithParam<Row> {};
TEST_P(Evaluation, DecidesAsTheRowSays) {
  const Row& row = GetParam();
  ports::Caller caller = Person(row.who);
  ports::PrincipalPolicies own;
  if (row.identity != kNone) own.identity.push_back({"i", Compile(PolicyKind::kIdentity, row.identity)});
  if (row.boundary != kNone) own.boundary = {"b", Compile(PolicyKind::kBoundary, row.boundary)};
  if (row.session != kNone) {
    own.session.emplace();
    if (!row.session.empty()) own.session->push_back({"s", Compile(PolicyKind::kSession, row.session)});
  }
  if (!caller.is_root()) caller.policies = std::make_shared<const ports::PrincipalPolicies>(std::move(own));
  const auto resource = row.resource == kNone ? nullptr : Compile(row.kind, row.resource);
  const std::string arn = "arn:aws:kms:eu:111122223333:key/1";
  const ports::Decision decision = kEngine.Decide({.caller = caller,
                                                   .action = "kms:Encrypt",
                                                   .resource = arn,
                                                   .resource_account = kHome,
                                                   .policy = resource.get()});
  EXPECT_EQ(decision.allowed, row.reason.empty());
  std::string want;
  if (!row.reason.empty()) {
    want = "User: " + caller.arn + " is not authorized to perform: kms:Encrypt on ";
    want += row.reason == kForeign ? kForeign.substr(3) : "resource: " + arn + " " + row.reason;
  }
  EXPECT_EQ(decision.message, want);
  const bool denies = row.reason.starts_with("with") || row.name == "StrangerDenied";
  EXPECT_EQ(decision.explicit_deny, denies);
}
INSTANTIATE_TEST_SUITE_P(Policy, Evaluation, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST(Evaluation, OfARolesTrust) {
  const auto trust = [](const std::string& principal) {
    return Compile(PolicyKind::kTrust, R"({"Effect":"Allow","Action":"sts:AssumeRole","Principal":)" + principal + "}");
  };
  const std::string role = kIam + "role/admin";
  const auto ask = [&](const ports::Caller& caller, const ports::Policy& policy) {
    return kEngine
        .Decide({.caller = caller,
                 .action = "sts:AssumeRole",
                 .resource = role,
                 .resource_account = kHome,
                 .policy = &policy})
        .message;
  };
  const std::string refused =
      "User: arn:aws:iam::111122223333:user/anna is not authorized to perform: sts:AssumeRole "
      "on resource: arn:aws:iam::111122223333:role/admin ";
  ports::Caller anna = Person("anna"), eve = Person("stranger");
  EXPECT_EQ(ask(anna, *trust(R"({"AWS":"arn:aws:iam::111122223333:user/anna"})")), "");
  EXPECT_EQ(ask(anna, *trust(R"({"AWS":"111122223333"})")),
            refused + "because no identity-based policy allows the sts:AssumeRole action");
  EXPECT_EQ(ask(anna, *trust(R"({"AWS":"444455556666"})")),
            refused + "because no role trust policy allows the sts:AssumeRole action");
  EXPECT_EQ(ask(eve, *trust(R"({"AWS":"111122223333"})")),
            "User: arn:aws:iam::444455556666:user/eve is not authorized to perform: sts:AssumeRole on resource: "
            "arn:aws:iam::111122223333:role/admin");
}

TEST(Evaluation, ARootBehindASessionIsLimitedBySessionPoliciesAlone) {
  ports::Caller bob = Person("federated");
  bob.role_arn.clear();
  ports::PrincipalPolicies own;
  own.identity_allows_all = true;
  own.session = {{"s", Compile(PolicyKind::kSession, kOther)}};
  bob.policies = std::make_shared<const ports::PrincipalPolicies>(std::move(own));
  EXPECT_TRUE(kEngine.Decide({.caller = bob, .action = "kms:Sign"}).allowed);
  EXPECT_FALSE(kEngine.Decide({.caller = bob, .action = "kms:Encrypt"}).allowed);
}

TEST(Evaluation, APrincipalMadeAnewUnderItsNameIsAnotherOne) {
  const std::string text =
      R"({"Version":"2012-10-17","Statement":[)" + Key(kIam + "user/anna") + "," + Key(kIam + "role/admin") + "]}";
  const auto decide = [&](const ports::PrincipalIds& ids, const ports::Caller& caller) {
    const auto policy = kEngine.Compile(PolicyKind::kKey, text, ids);
    return policy.ok() && kEngine.Decide({.caller = caller, .action = "kms:Sign", .policy = policy->get()}).allowed;
  };
  const ports::PrincipalIds same{{kIam + "user/anna", "AIDAANNA"}, {kIam + "role/admin", "AROAADMIN"}};
  const ports::PrincipalIds before{{kIam + "user/anna", "AIDAOLD"}, {kIam + "role/admin", "AROAOLD"}};
  const ports::PrincipalIds under_another_name{{kIam + "user/anna", "AIDABOB"}, {kIam + "role/admin", "AROAADMIN"}};
  EXPECT_FALSE(decide(under_another_name, Person("anna")));
  for (const char* const who : {"anna", "session"}) {
    EXPECT_TRUE(decide(same, Person(who)));
    EXPECT_FALSE(decide(before, Person(who)));
  }
  EXPECT_THAT((*kEngine.Compile(PolicyKind::kKey, text))->NamedPrincipals(),
              ::testing::ElementsAre(kIam + "user/anna", kIam + "role/admin"));
}

class NobodysPolicy final : public ports::Policy {};
TEST(Evaluation, APolicyThatCannotBeReadDenies) {
  const NobodysPolicy policy;
  EXPECT_FALSE(kEngine.Decide({.caller = Person("root"), .action = "kms:Sign", .policy = &policy}).allowed);
}

TEST(Evaluation, IsExplained) {
  ports::Caller anna = Person("anna");
  ports::PrincipalPolicies own;
  const std::string text =
      "{\"Version\":\"2012-10-17\",\n \"Statement\": [\n  "
      "{\"Effect\":\"Allow\",\"Action\":\"kms:*\",\"Resource\":\"*\"},\n"
      "  {\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\n   "
      "\"Condition\":{\"Bool\":{\"kms:{X}\":\"true\"}}},\n"
      "  {\"Effect\":\"Deny\",\"Action\":\"kms:Enc*\",\"Resource\":\"*\"}]}";
  own.identity.push_back({"inline", *kEngine.Compile(PolicyKind::kIdentity, text)});
  own.boundary = {"limits", Compile(PolicyKind::kBoundary, kOther)};
  anna.policies = std::make_shared<const ports::PrincipalPolicies>(std::move(own));
  ports::Explanation why;
  const auto decision = kEngine.Decide({.caller = anna, .action = "kms:Encrypt", .explain = &why});
  EXPECT_TRUE(decision.explicit_deny);
  EXPECT_EQ(decision.decided_by, PolicyKind::kIdentity);
  ASSERT_EQ(why.matches.size(), 2U);
  EXPECT_EQ(why.matches[0].policy_name, "inline");
  EXPECT_TRUE(why.matches[0].allow);
  const auto place = [](const ports::TextPosition& at) { return std::pair(at.line, at.column); };
  EXPECT_EQ(place(why.matches[0].start), std::pair(3U, 3U));
  EXPECT_EQ(place(why.matches[0].end), std::pair(3U, 53U));
  EXPECT_FALSE(why.matches[1].allow);
  EXPECT_EQ(why.matches[1].statement, 2U);
  EXPECT_EQ(place(why.matches[1].start), std::pair(6U, 3U));
  EXPECT_THAT(why.missing_keys, ::testing::ElementsAre("kms:{X}"));
  EXPECT_EQ(why.identity_allows, false);
  EXPECT_EQ(why.boundary_allows, false);
  EXPECT_EQ(why.session_allows, std::nullopt);
  EXPECT_EQ(why.resource_allows, std::nullopt);
}

}  // namespace
}  // namespace strongroom::aws
