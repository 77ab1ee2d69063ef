#include <gmock/gmock.h>

#include <set>

#include "iam/data/aws_managed.h"
#include "iam/testing/iam_service.h"

namespace strongroom::iam {
namespace {
using testing::At;
using testing::IamTest;
using testing::kPolicy;
using testing::kTrust;
using ::testing::StartsWith;

INSTANTIATE_TEST_SUITE_P(Iam, IamTest, store::testing::BothEngines(), store::testing::EngineName);

/// A request with all that the model requires, of the right form.
boost::json::value Dummy(const aws::model::Shape& shape, std::string_view name) {
  using aws::model::Type;
  if (shape.type == Type::kStructure) {
    boost::json::object made;
    for (const auto& member : shape.members) {
      if (member.required) made.emplace(member.name, Dummy(*member.shape, member.name));
    }
    return made;
  }
  if (shape.type == Type::kList) return boost::json::array{Dummy(*shape.member, name)};
  if (shape.type == Type::kBoolean) return true;
  if (shape.type != Type::kString) return shape.min.value_or(1);
  if (!shape.enum_values.empty()) return boost::json::string(shape.enum_values.front());
  static const std::map<std::string, std::string, std::less<>> kTexts{
      {"PolicyArn", "arn:aws:iam::111122223333:policy/x"},
      {"PermissionsBoundary", "arn:aws:iam::aws:policy/ReadOnlyAccess"},
      {"PolicySourceArn", "arn:aws:iam::111122223333:user/x"},
      {"OpenIDConnectProviderArn", "arn:aws:iam::111122223333:oidc-provider/x.example"},
      {"SerialNumber", "arn:aws:iam::111122223333:mfa/x"},
      {"Url", "https://x.example"},
      {"VersionId", "v1"},
      {"AccountAlias", "some-alias"},
      {"AccessKeyId", "AKIAAAAAAAAAAAAAAAAA"},
      {"ThumbprintList", std::string(40, '0')},
      {"ActionNames", "kms:Encrypt"}};
  const auto known = kTexts.find(name);
  if (known != kTexts.end()) return boost::json::string(known->second);
  if (name == "PolicyDocument" || name == "PolicyInputList") return boost::json::parse(kPolicy);
  if (name == "AssumeRolePolicyDocument") return boost::json::parse(kTrust);
  return boost::json::string(
      std::string(static_cast<std::size_t>(std::max<std::int64_t>(shape.min.value_or(1), 1)), '1'));
}

TEST_P(IamTest, WithoutAPolicyAUserMayDoNothing) {
  Do("CreateUser", R"({"UserName":"mallory"})");
  const ports::Caller user = User("mallory");
  ports::Caller foreign = root_;
  foreign.account = "444455556666";
  foreign.arn = "arn:aws:iam::444455556666:root";
  for (const aws::Operation* row : RowsOf("iam.")) {
    const auto* shape = aws::model::BuiltIn("iam")->Find(row->name());
    ASSERT_TRUE(shape) << row->name();
    const std::string body = boost::json::serialize(Dummy(*shape->input, ""));
    EXPECT_THAT(Refusal(user, row->name(), body), StartsWith("AccessDenied: ")) << row->name() << " " << body;
  }
  EXPECT_THAT(Refusal(user, "GetUser", "{}"),
              StartsWith("AccessDenied: User: arn:aws:iam::111122223333:user/mallory is not authorized to perform: "
                         "iam:GetUser on resource: arn:aws:iam::111122223333:user/mallory"));
  EXPECT_THAT(Refusal(foreign, "GetUser", R"({"UserName":"mallory"})"), StartsWith("NoSuchEntity: "));
}

TEST_P(IamTest, SessionsOfUsersNeedASecondFactor) {
  const boost::json::object body;
  const auto admitted = [&](ports::PrincipalKind kind, bool session, bool mfa) {
    ports::Caller caller = User("anna");
    caller.kind = kind;
    ports::Session facts;
    if (mfa) facts.mfa_at = now_;
    if (session) caller.session = std::make_shared<const ports::Session>(facts);
    const aws::Call call{.caller = caller, .body = aws::Fields(body)};
    return Describe(*iam_).admit(iam_.get(), call).ok();
  };
  using Who = ports::PrincipalKind;
  EXPECT_TRUE(admitted(Who::kUser, false, false));
  EXPECT_TRUE(admitted(Who::kRoot, false, false));
  EXPECT_FALSE(admitted(Who::kUser, true, false));
  EXPECT_FALSE(admitted(Who::kRoot, true, false));
  EXPECT_TRUE(admitted(Who::kUser, true, true));
  EXPECT_TRUE(admitted(Who::kAssumedRole, true, false));
  EXPECT_FALSE(admitted(Who::kFederatedUser, true, true));
}

TEST_P(IamTest, EveryOperationOfTheModelIsThere) {
  std::set<std::string> there;
  for (const aws::Operation* row : RowsOf("iam.")) there.emplace(row->name());
  EXPECT_EQ(there.size(), RowsOf("iam.").size());
  EXPECT_EQ(there.size(), 107U);
}

TEST_P(IamTest, TheTrailLearnsWhatWasTouched) {
  using ::testing::ElementsAre;
  Do("CreateUser", R"({"UserName":"anna","Path":"/a/"})");
  EXPECT_THAT(resources_, ElementsAre("arn:aws:iam::111122223333:user/a/anna"));
  Do("CreateAccessKey", R"({"UserName":"ANNA"})");
  EXPECT_THAT(resources_, ElementsAre("arn:aws:iam::111122223333:user/a/anna"));
  EXPECT_THAT(Refusal(User("bob"), "DeleteRole", R"({"RoleName":"none"})"), StartsWith("AccessDenied: "));
  EXPECT_THAT(resources_, ElementsAre("arn:aws:iam::111122223333:role/none"));
  Do("ListUsers", "{}");
  EXPECT_THAT(resources_, ElementsAre());
}

TEST_P(IamTest, ListsComeInPages) {
  for (const char* name : {"d", "B", "a", "C", "e"}) Do("CreateUser", std::string(R"({"UserName":")") + name + "\"}");
  std::string names, marker;
  int pages = 0;
  do {
    const std::string body = marker.empty() ? R"({"MaxItems":2})" : R"({"MaxItems":2,"Marker":")" + marker + "\"}";
    const auto page = Do("ListUsers", body);
    ++pages;
    for (const auto& user : page.at("Users").as_array()) names += At(user, "/UserName");
    marker = page.at("IsTruncated").as_bool() ? At(page, "/Marker") : "";
  } while (!marker.empty() && pages < 9);
  EXPECT_EQ(names, "aBCde");
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(At(Do("ListUsers", R"({"PathPrefix":"/none/"})"), ""), R"({"IsTruncated":false,"Users":[]})");
}

TEST_P(IamTest, ARoleIsShownAsItIs) {
  Do("CreateRole", R"({"RoleName":"use","Path":"/app/","Description":"d","MaxSessionDuration":7200,)"
                   R"("Tags":[{"Key":"k","Value":"v"}],"AssumeRolePolicyDocument":)" +
                       kTrust + "}");
  const auto role = Do("GetRole", R"({"RoleName":"use"})").at("Role");
  EXPECT_EQ(At(role, "/Arn"), "arn:aws:iam::111122223333:role/app/use");
  EXPECT_THAT(At(role, "/RoleId"), ::testing::MatchesRegex("AROA[A-Z2-7]+"));
  EXPECT_EQ(At(role, "/MaxSessionDuration"), "7200");
  EXPECT_EQ(At(role, "/Tags"), R"([{"Key":"k","Value":"v"}])");
  EXPECT_THAT(At(role, "/AssumeRolePolicyDocument"), StartsWith("%7B%22Version%22%3A%222012-10-17%22"));
}

TEST_P(IamTest, ARolesTrustShowsWhoIsGoneByTheUniqueId) {
  const std::string id = At(Do("CreateUser", R"({"UserName":"anna"})"), "/User/UserId");
  Do("CreateRole",
     R"({"RoleName":"r","AssumeRolePolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",)"
     R"(\"Action\":\"sts:AssumeRole\",\"Principal\":{\"AWS\":\"arn:aws:iam::111122223333:user/anna\"}}]}"})");
  const auto named = [this](std::string_view who) {
    const std::string one = At(Do("GetRole", R"({"RoleName":"r"})"), "/Role/AssumeRolePolicyDocument");
    const std::string listed = At(Do("ListRoles", "{}"), "/Roles/0/AssumeRolePolicyDocument");
    const std::string detail =
        At(Do("GetAccountAuthorizationDetails", "{}"), "/RoleDetailList/0/AssumeRolePolicyDocument");
    EXPECT_EQ(one, listed);
    EXPECT_EQ(one, detail);
    return one.find(who) != std::string::npos;
  };
  const std::string escaped = "user%2Fanna";
  EXPECT_TRUE(named(escaped));
  EXPECT_FALSE(named(id));
  Do("DeleteUser", R"({"UserName":"anna"})");
  EXPECT_TRUE(named(id));
  EXPECT_FALSE(named(escaped));
  Do("CreateUser", R"({"UserName":"anna"})");
  EXPECT_TRUE(named(id)) << "whoever has the name now";
}

TEST_P(IamTest, AccountAuthorizationDetailsHaveEverything) {
  Do("CreateUser", R"({"UserName":"anna"})");
  Do("CreateGroup", R"({"GroupName":"staff"})");
  Do("AddUserToGroup", R"({"GroupName":"staff","UserName":"anna"})");
  Do("PutGroupPolicy", R"({"GroupName":"staff","PolicyName":"p","PolicyDocument":)" + kPolicy + "}");
  Do("CreatePolicy", R"({"PolicyName":"use","PolicyDocument":)" + kPolicy + "}");
  Do("AttachUserPolicy", R"({"UserName":"anna","PolicyArn":"arn:aws:iam::111122223333:policy/use"})");
  Do("AttachGroupPolicy", R"({"GroupName":"staff","PolicyArn":"arn:aws:iam::aws:policy/IAMReadOnlyAccess"})");
  const auto all = Do("GetAccountAuthorizationDetails", "{}");
  EXPECT_EQ(At(all, "/UserDetailList/0/GroupList"), R"(["staff"])");
  EXPECT_EQ(At(all, "/UserDetailList/0/AttachedManagedPolicies/0/PolicyArn"), "arn:aws:iam::111122223333:policy/use");
  EXPECT_EQ(At(all, "/GroupDetailList/0/GroupPolicyList/0/PolicyName"), "p");
  EXPECT_EQ(At(all, "/Policies/0/AttachmentCount"), "1");
  EXPECT_EQ(At(all, "/Policies/1/PolicyName"), "IAMReadOnlyAccess");
  EXPECT_EQ(all.at("Policies").as_array().size(), 2U);
  const auto entities = Do("ListEntitiesForPolicy", R"({"PolicyArn":"arn:aws:iam::111122223333:policy/use"})");
  EXPECT_EQ(At(entities, "/PolicyUsers/0/UserName"), "anna");
  EXPECT_EQ(At(Do("GetAccountSummary", "{}"), "/SummaryMap/Users"), "1");
}

TEST_P(IamTest, ASimulationSaysWhatThePoliciesSay) {
  Do("CreateUser", R"({"UserName":"anna"})");
  Do("AttachUserPolicy", R"({"UserName":"anna","PolicyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"})");
  const auto answer = Do("SimulatePrincipalPolicy", R"({"PolicySourceArn":"arn:aws:iam::111122223333:user/anna",)"
                                                    R"("ActionNames":["kms:DescribeKey","kms:Decrypt"]})");
  EXPECT_EQ(At(answer, "/EvaluationResults/0/EvalDecision"), "allowed");
  EXPECT_EQ(At(answer, "/EvaluationResults/0/MatchedStatements/0/SourcePolicyType"), "aws-managed");
  EXPECT_EQ(At(answer, "/EvaluationResults/1/EvalDecision"), "implicitDeny");
  const std::string conditional =
      R"("{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"kms:*\",\"Resource\":)"
      R"(\"arn:aws:kms:*:*:key/${aws:username}\",\"Condition\":{\"StringEquals\":{\"kms:ViaService\":\"x\"}}}}")";
  EXPECT_EQ(At(Do("GetContextKeysForCustomPolicy", R"({"PolicyInputList":[)" + conditional + "]}"), "/ContextKeyNames"),
            R"(["aws:username","kms:ViaService"])");
  const auto custom =
      Do("SimulateCustomPolicy", R"({"ActionNames":["kms:Encrypt"],"PolicyInputList":[)" + kPolicy + "," +
                                     R"("{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",)"
                                     R"(\"Action\":\"kms:Encrypt\",\"Resource\":\"*\"}]}"]})");
  EXPECT_EQ(At(custom, "/EvaluationResults/0/EvalDecision"), "explicitDeny");
  EXPECT_EQ(At(custom, "/EvaluationResults/0/MatchedStatements/0/SourcePolicyId"), "PolicyInputList.2");
}

TEST_P(IamTest, AwsManagedPoliciesCompile) {
  for (const AwsManaged& one : AllAwsManaged()) {
    EXPECT_TRUE(engine_.Compile(ports::PolicyKind::kIdentity, one.document).ok()) << one.name;
    EXPECT_EQ(FindAwsManaged(one.Arn()), &one);
  }
}

TEST_P(IamTest, ASecretIsShownOnceAndKeptSealed) {
  Do("CreateUser", R"({"UserName":"anna"})");
  const auto made = Do("CreateAccessKey", R"({"UserName":"anna"})").at("AccessKey");
  const std::string id = At(made, "/AccessKeyId");
  EXPECT_EQ(At(made, "/SecretAccessKey").size(), 40U);
  EXPECT_EQ(At(Do("ListAccessKeys", R"({"UserName":"anna"})"), "/AccessKeyMetadata/0/Status"), "Active");
  Do("UpdateAccessKey", R"({"UserName":"anna","Status":"Inactive","AccessKeyId":")" + id + "\"}");
  EXPECT_EQ(At(Do("ListAccessKeys", R"({"UserName":"anna"})"), "/AccessKeyMetadata/0/Status"), "Inactive");
  const auto used = Do("GetAccessKeyLastUsed", R"({"AccessKeyId":")" + id + "\"}");
  EXPECT_EQ(At(used, "/UserName"), "anna");
  EXPECT_EQ(At(used, "/AccessKeyLastUsed/ServiceName"), "N/A");
  // Nobody takes another's key by its id.
  Do("CreateUser", R"({"UserName":"bob"})");
  EXPECT_THAT(Refusal(root_, "DeleteAccessKey", R"({"UserName":"bob","AccessKeyId":")" + id + "\"}"),
              StartsWith("NoSuchEntity: "));
  Do("DeleteAccessKey", R"({"UserName":"anna","AccessKeyId":")" + id + "\"}");
}

TEST_P(IamTest, AUserChangesTheirOwnPasswordWhereTheAccountAllowsIt) {
  Do("CreateUser", R"({"UserName":"anna"})");
  Do("CreateLoginProfile", R"({"UserName":"anna","Password":"Good-password1","PasswordResetRequired":true})");
  const ports::Caller anna = User("anna");
  const std::string change = R"({"OldPassword":"Good-password1","NewPassword":"Good-password2"})";
  EXPECT_THAT(Refusal(anna, "ChangePassword", change), StartsWith("AccessDenied: User: "));
  Do("UpdateAccountPasswordPolicy", R"({"AllowUsersToChangePassword":true})");
  EXPECT_EQ(Refusal(anna, "ChangePassword", R"({"OldPassword":"wrong","NewPassword":"Good-password2"})"),
            "AccessDenied: The old password is not correct.");
  EXPECT_EQ(Refusal(anna, "ChangePassword", change), "");
  EXPECT_EQ(At(Do("GetLoginProfile", R"({"UserName":"anna"})"), "/LoginProfile/PasswordResetRequired"), "false");
  EXPECT_EQ(Refusal(anna, "ChangePassword", change), "AccessDenied: The old password is not correct.");
}

struct Tagging {
  const char* operation;
  std::string body;  // up to its tags
  const char* action;
};
const Tagging kTaggings[] = {
    {"CreateUser", R"({"UserName":"mallory")", "iam:TagUser"},
    {"CreateRole", R"({"RoleName":"mallory","AssumeRolePolicyDocument":)" + kTrust, "iam:TagRole"},
    {"CreatePolicy", R"({"PolicyName":"mallory","PolicyDocument":)" + kPolicy, "iam:TagPolicy"},
    {"CreateVirtualMFADevice", R"({"VirtualMFADeviceName":"mallory")", "iam:TagMFADevice"},
    {"CreateOpenIDConnectProvider", R"({"Url":"https://issuer.example.com")", "iam:TagOpenIDConnectProvider"},
};

// Whoever may make things, but not tag them, gets no tags by making them, on which other policies may depend.
TEST_P(IamTest, TagsOfSomethingNewNeedTheRightToTag) {
  auto policies = std::make_shared<ports::PrincipalPolicies>();
  policies->identity.push_back(
      {"p", engine_
                .Compile(ports::PolicyKind::kIdentity,
                         R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"},)"
                         R"({"Effect":"Deny","Action":"iam:Tag*","Resource":"*"}]})")
                .value()});
  ports::Caller helpdesk = User("helpdesk");
  helpdesk.policies = std::move(policies);
  for (const auto& [operation, body, action] : kTaggings) {
    SCOPED_TRACE(operation);
    const std::string refusal = Refusal(helpdesk, operation, body + R"(,"Tags":[{"Key":"team","Value":"payments"}]})");
    EXPECT_THAT(refusal, ::testing::StartsWith("AccessDenied: "));
    EXPECT_THAT(refusal, ::testing::HasSubstr(std::string("not authorized to perform: ") + action));
    EXPECT_EQ(Refusal(helpdesk, operation, body + "}"), "");
  }
}

}  // namespace
}  // namespace strongroom::iam
