#include <gmock/gmock.h>

#include "iam/testing/iam_service.h"

namespace strongroom::iam {
namespace {
using testing::IamTest;
using testing::kPolicy;
using testing::kTrust;
using ::testing::StartsWith;

class IamStories : public IamTest {};
INSTANTIATE_TEST_SUITE_P(Iam, IamStories, store::testing::BothEngines(), store::testing::EngineName);

/// Calls one after another, each with what it answers when it is refused.
struct Step {
  const char* operation;
  std::string body;
  std::string refusal = "";  // how it begins; "" for success
};
struct Story {
  std::string name;
  std::vector<Step> steps;
};

std::string Times(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

/// Patterns that a variable of the request makes long, which a text of the request nearly matches.
std::string LongSimulation() {
  std::string values = R"(\"x\")";
  for (int i = 0; i < 40; ++i) values += R"(,\"*?${my:one}b\")";
  const auto entry = [](const std::string& name, std::size_t size) {
    return R"({"ContextKeyName":")" + name + R"(","ContextKeyType":"string","ContextKeyValues":[")" +
           std::string(size, 'a') + "\"]}";
  };
  return R"({"ActionNames":["kms:Encrypt"],"ContextEntries":[)" + entry("my:one", 4'000) + "," +
         entry("my:two", 8'000) +
         R"(],"PolicyInputList":["{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",)"
         R"(\"Resource\":\"*\",\"Condition\":{\"StringLike\":{\"my:two\":[)" +
         values + R"(]}}}}"]})";
}

const Story kStories[] = {
    {"Users",
     {{"CreateUser", R"({"UserName":"anna","Path":"/a/","Tags":[{"Key":"Team","Value":"x"}]})"},
      {"CreateUser", R"({"UserName":"ANNA"})", "EntityAlreadyExists: User with name ANNA already exists."},
      {"GetUser", R"({"UserName":"Anna"})"},
      {"GetUser", R"({"UserName":"bob"})", "NoSuchEntity: The user with name bob cannot be found."},
      {"GetUser", R"({})"},
      {"CreateUser", R"({"UserName":"a b"})", "ValidationError: 1 validation error detected"},
      {"CreateUser", R"({"UserName":"b","Path":"a/"})", "ValidationError: 1 validation error detected"},
      {"CreateUser", R"({"UserName":"b","Tags":[{"Key":"a","Value":""},{"Key":"A","Value":""}]})",
       "InvalidInput: Duplicate tag keys found."},
      {"CreateUser", R"({"UserName":"b","Tags":[{"Key":"aws:a","Value":""}]})", "InvalidInput: "},
      {"CreateUser", R"({"UserName":"b","PermissionsBoundary":"arn:aws:iam::aws:policy/None"})", "NoSuchEntity: "},
      {"UpdateUser", R"({"UserName":"anna","NewUserName":"Berta","NewPath":"/b/"})"},
      {"GetUser", R"({"UserName":"anna"})", "NoSuchEntity: "},
      {"UpdateUser", R"({"UserName":"berta","NewUserName":"BERTA"})"},
      {"CreateUser", R"({"UserName":"carl"})"},
      {"UpdateUser", R"({"UserName":"carl","NewUserName":"berta"})", "EntityAlreadyExists: "},
      {"DeleteUser", R"({"UserName":"berta"})"},
      {"DeleteUser", R"({"UserName":"berta"})", "NoSuchEntity: "},
      {"ListUsers", R"({"Marker":"no marker"})", "ValidationError: Invalid Marker."},
      {"ListUsers", R"({"MaxItems":1001})", "ValidationError: "}}},
    {"DeletingWhatIsInUse",
     {{"CreateUser", R"({"UserName":"anna"})"},
      {"CreateGroup", R"({"GroupName":"staff"})"},
      {"AddUserToGroup", R"({"GroupName":"staff","UserName":"anna"})"},
      {"AddUserToGroup", R"({"GroupName":"staff","UserName":"anna"})"},
      {"AddUserToGroup", R"({"GroupName":"none","UserName":"anna"})", "NoSuchEntity: The group with name none"},
      {"AddUserToGroup", R"({"GroupName":"staff","UserName":"none"})", "NoSuchEntity: The user with name none"},
      {"DeleteUser", R"({"UserName":"anna"})", "DeleteConflict: Cannot delete entity, must remove users from group"},
      {"DeleteGroup", R"({"GroupName":"staff"})", "DeleteConflict: "},
      {"RemoveUserFromGroup", R"({"GroupName":"staff","UserName":"anna"})"},
      {"DeleteGroup", R"({"GroupName":"staff"})"},
      {"PutUserPolicy", R"({"UserName":"anna","PolicyName":"p","PolicyDocument":)" + kPolicy + "}"},
      {"DeleteUser", R"({"UserName":"anna"})", "DeleteConflict: Cannot delete entity, must delete policies first."},
      {"DeleteUserPolicy", R"({"UserName":"anna","PolicyName":"p"})"},
      {"DeleteUserPolicy", R"({"UserName":"anna","PolicyName":"p"})", "NoSuchEntity: The user policy with name p"},
      {"AttachUserPolicy", R"({"UserName":"anna","PolicyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"})"},
      {"DeleteUser", R"({"UserName":"anna"})", "DeleteConflict: Cannot delete entity, must detach all policies first."},
      {"DetachUserPolicy", R"({"UserName":"anna","PolicyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"})"},
      {"DetachUserPolicy", R"({"UserName":"anna","PolicyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"})",
       "NoSuchEntity: Policy arn:aws:iam::aws:policy/ReadOnlyAccess was not found."},
      {"CreateAccessKey", R"({"UserName":"anna"})"},
      {"DeleteUser", R"({"UserName":"anna"})",
       "DeleteConflict: Cannot delete entity, must delete access keys first."}}},
    {"Policies",
     {{"CreatePolicy", R"({"PolicyName":"use","Path":"/kms/","PolicyDocument":)" + kPolicy + "}"},
      {"CreatePolicy", R"({"PolicyName":"Use","PolicyDocument":)" + kPolicy + "}",
       "EntityAlreadyExists: A policy called Use already exists. Duplicate names are not allowed."},
      {"CreatePolicy", R"({"PolicyName":"bad","PolicyDocument":"{}"})", "MalformedPolicyDocument: "},
      {"CreatePolicy", R"({"PolicyName":"bad","PolicyDocument":"nonsense"})", "MalformedPolicyDocument: "},
      {"CreatePolicy", R"({"PolicyName":"trust","PolicyDocument":)" + kTrust + "}", "MalformedPolicyDocument: "},
      {"CreatePolicy",
       R"({"PolicyName":"long","PolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",)"
       R"(\"Action\":\"kms:*\",\"Resource\":[\"arn:aws:kms:*:*:key/x\")" +
           Times(R"(,\"arn:aws:kms:eu-west-1:111122223333:key/abcdefgh\")", 130) + R"(]}]}"})",
       "LimitExceeded: Cannot exceed quota for PolicySize: 6144"},
      {"GetPolicy", R"({"PolicyArn":"arn:aws:iam::111122223333:policy/kms/use"})"},
      {"GetPolicy", R"({"PolicyArn":"arn:aws:iam::111122223333:policy/use"})",
       "NoSuchEntity: Policy arn:aws:iam::111122223333:policy/use was not found."},
      {"GetPolicy", R"({"PolicyArn":"arn:aws:iam::444455556666:policy/kms/use"})", "NoSuchEntity: "},
      {"GetPolicy", R"({"PolicyArn":"arn:aws:iam::111122223333:user/use"})", "InvalidInput: ARN arn:aws:iam"},
      {"GetPolicy", R"({"PolicyArn":"nonsense, but twenty letters"})", "InvalidInput: ARN nonsense"},
      {"GetPolicy", R"({"PolicyArn":"arn:aws:iam::aws:policy/AdministratorAccess"})"},
      {"DeletePolicy", R"({"PolicyArn":"arn:aws:iam::aws:policy/AdministratorAccess"})", "AccessDenied: "},
      {"CreatePolicyVersion",
       R"({"PolicyArn":"arn:aws:iam::aws:policy/AdministratorAccess","PolicyDocument":)" + kPolicy + "}",
       "AccessDenied: "},
      {"CreatePolicyVersion", R"({"PolicyArn":"arn:aws:iam::111122223333:policy/kms/use","SetAsDefault":true,)"
                              R"("PolicyDocument":)" +
                                  kPolicy + "}"},
      {"DeletePolicyVersion", R"({"PolicyArn":"arn:aws:iam::111122223333:policy/kms/use","VersionId":"v2"})",
       "DeleteConflict: Cannot delete the default version of a policy."},
      {"DeletePolicy", R"({"PolicyArn":"arn:aws:iam::111122223333:policy/kms/use"})",
       "DeleteConflict: This policy has more than one version."},
      {"SetDefaultPolicyVersion", R"({"PolicyArn":"arn:aws:iam::111122223333:policy/kms/use","VersionId":"v3"})",
       "NoSuchEntity: Policy arn:aws:iam::111122223333:policy/kms/use version v3 does not exist"},
      {"SetDefaultPolicyVersion",
       R"({"PolicyArn":"arn:aws:iam::111122223333:policy/kms/use","VersionId":"v99999999999999999999"})",
       "NoSuchEntity: "},
      {"DeletePolicyVersion", R"({"PolicyArn":"arn:aws:iam::111122223333:policy/kms/use","VersionId":"v1"})"},
      {"CreateRole", R"({"RoleName":"r","AssumeRolePolicyDocument":)" + kTrust + "}"},
      {"PutRolePermissionsBoundary",
       R"({"RoleName":"r","PermissionsBoundary":"arn:aws:iam::111122223333:policy/kms/use"})"},
      {"DeletePolicy", R"({"PolicyArn":"arn:aws:iam::111122223333:policy/kms/use"})",
       "DeleteConflict: Cannot delete a policy attached to entities."},
      {"DeleteRolePermissionsBoundary", R"({"RoleName":"r"})"},
      {"DeleteRolePermissionsBoundary", R"({"RoleName":"r"})", "NoSuchEntity: "},
      {"AttachRolePolicy", R"({"RoleName":"r","PolicyArn":"arn:aws:iam::111122223333:policy/kms/absent"})",
       "NoSuchEntity: Policy arn:aws:iam::111122223333:policy/kms/absent does not exist or is not attachable."},
      {"DeletePolicy", R"({"PolicyArn":"arn:aws:iam::111122223333:policy/kms/use"})"}}},
    {"Roles",
     {{"CreateRole", R"({"RoleName":"r","AssumeRolePolicyDocument":)" + kTrust + "}"},
      {"CreateRole", R"({"RoleName":"R","AssumeRolePolicyDocument":)" + kTrust + "}", "EntityAlreadyExists: "},
      {"CreateRole", R"({"RoleName":"s","AssumeRolePolicyDocument":)" + kPolicy + "}", "MalformedPolicyDocument: "},
      {"CreateRole", R"({"RoleName":"s","MaxSessionDuration":60,"AssumeRolePolicyDocument":)" + kTrust + "}",
       "ValidationError: "},
      {"UpdateAssumeRolePolicy", R"({"RoleName":"r","PolicyDocument":)" + kPolicy + "}", "MalformedPolicyDocument: "},
      {"UpdateAssumeRolePolicy", R"({"RoleName":"r","PolicyDocument":)" + kTrust + "}"},
      {"UpdateRole", R"({"RoleName":"r","Description":"d","MaxSessionDuration":7200})"},
      {"UpdateRoleDescription", R"({"RoleName":"r","Description":"e"})"},
      {"TagRole", R"({"RoleName":"r","Tags":[{"Key":"k","Value":"v"}]})"},
      {"UntagRole", R"({"RoleName":"r","TagKeys":["K"]})"},
      {"DeleteRole", R"({"RoleName":"r"})"},
      {"GetRole", R"({"RoleName":"r"})", "NoSuchEntity: The role with name r cannot be found."}}},
    {"AccessKeys",
     {{"CreateUser", R"({"UserName":"anna"})"},
      {"CreateAccessKey", R"({"UserName":"anna"})"},
      {"CreateAccessKey", R"({"UserName":"anna"})"},
      {"CreateAccessKey", R"({"UserName":"anna"})", "LimitExceeded: Cannot exceed quota for AccessKeysPerUser: 2"},
      {"CreateAccessKey", R"({"UserName":"bob"})", "NoSuchEntity: "},
      {"UpdateAccessKey", R"({"UserName":"anna","AccessKeyId":"AKIAAAAAAAAAAAAAAAAA","Status":"Inactive"})",
       "NoSuchEntity: The Access Key with id AKIAAAAAAAAAAAAAAAAA cannot be found."},
      {"DeleteAccessKey", R"({"UserName":"anna","AccessKeyId":"AKIAAAAAAAAAAAAAAAAA"})", "NoSuchEntity: "},
      {"UpdateAccessKey", R"({"UserName":"anna","AccessKeyId":"AKIAAAAAAAAAAAAAAAAA","Status":"On"})",
       "ValidationError: "},
      {"GetAccessKeyLastUsed", R"({"AccessKeyId":"AKIAAAAAAAAAAAAAAAAA"})", "AccessDenied: "}}},
    {"Passwords",
     {{"CreateUser", R"({"UserName":"anna"})"},
      {"GetAccountPasswordPolicy", "{}", "NoSuchEntity: "},
      {"DeleteAccountPasswordPolicy", "{}", "NoSuchEntity: "},
      {"CreateLoginProfile", R"({"UserName":"anna","Password":"short"})",
       "PasswordPolicyViolation: Password should have a minimum length of 8"},
      {"CreateLoginProfile", R"({"UserName":"anna","Password":"onlylowercase"})", "PasswordPolicyViolation: "},
      {"CreateLoginProfile", R"({"UserName":"anna","Password":"Good-password1"})"},
      {"CreateLoginProfile", R"({"UserName":"anna","Password":"Good-password1"})", "EntityAlreadyExists: "},
      {"UpdateAccountPasswordPolicy",
       R"({"MinimumPasswordLength":10,"RequireNumbers":true,"PasswordReusePrevention":2})"},
      {"UpdateLoginProfile", R"({"UserName":"anna","Password":"Good-password"})",
       "PasswordPolicyViolation: Password should have at least one number"},
      {"UpdateLoginProfile", R"({"UserName":"anna","Password":"Good-password1"})",
       "PasswordPolicyViolation: The password was used before"},
      {"UpdateLoginProfile", R"({"UserName":"anna","Password":"Good-password2","PasswordResetRequired":true})"},
      {"UpdateLoginProfile", R"({"UserName":"anna","Password":"Good-password1"})",
       "PasswordPolicyViolation: The password was used before"},
      {"UpdateLoginProfile", R"({"UserName":"bob","Password":"Good-password1"})", "NoSuchEntity: "},
      {"ChangePassword", R"({"OldPassword":"a","NewPassword":"b"})", "InvalidUserType: "},
      {"DeleteUser", R"({"UserName":"anna"})",
       "DeleteConflict: Cannot delete entity, must delete login profile first."},
      {"DeleteLoginProfile", R"({"UserName":"anna"})"},
      {"DeleteLoginProfile", R"({"UserName":"anna"})", "NoSuchEntity: Login Profile for User anna cannot be found."}}},
    {"OidcProviders",
     {{"CreateOpenIDConnectProvider",
       R"({"Url":"https://issuer.example.com/id","ClientIDList":["a"],"ThumbprintList":["990F4193972F2BECF12DDEDA5237F9C952F20D9E"]})"},
      {"CreateOpenIDConnectProvider", R"({"Url":"https://issuer.example.com/id/"})", "EntityAlreadyExists: "},
      {"CreateOpenIDConnectProvider", R"({"Url":"http://issuer.example.com"})", "ValidationError: Invalid Open ID"},
      {"CreateOpenIDConnectProvider", R"({"Url":"https://"})", "ValidationError: Invalid Open ID"},
      {"CreateOpenIDConnectProvider", R"({"Url":"https://issuer.example.com:8443"})",
       "ValidationError: Invalid Open ID"},
      {"CreateOpenIDConnectProvider", R"({"Url":"https://issuer.example.com/?q"})", "ValidationError: Invalid Open ID"},
      {"CreateOpenIDConnectProvider",
       R"({"Url":"https://b.example.com","ThumbprintList":["zz0F4193972F2BECF12DDEDA5237F9C952F20D9E"]})",
       "InvalidInput: "},
      {"AddClientIDToOpenIDConnectProvider",
       R"({"OpenIDConnectProviderArn":"arn:aws:iam::111122223333:oidc-provider/issuer.example.com/id","ClientID":"b"})"},
      {"RemoveClientIDFromOpenIDConnectProvider",
       R"({"OpenIDConnectProviderArn":"arn:aws:iam::111122223333:oidc-provider/issuer.example.com/id","ClientID":"a"})"},
      {"GetOpenIDConnectProvider",
       R"({"OpenIDConnectProviderArn":"arn:aws:iam::444455556666:oidc-provider/issuer.example.com/id"})",
       "NoSuchEntity: "},
      {"GetOpenIDConnectProvider", R"({"OpenIDConnectProviderArn":"arn:aws:iam::111122223333:user/issuer"})",
       "InvalidInput: "},
      {"DeleteOpenIDConnectProvider",
       R"({"OpenIDConnectProviderArn":"arn:aws:iam::111122223333:oidc-provider/issuer.example.com/id"})"}}},
    {"Aliases",
     {{"CreateAccountAlias", R"({"AccountAlias":"my-vault"})"},
      {"CreateAccountAlias", R"({"AccountAlias":"other-vault"})"},
      {"CreateAccountAlias", R"({"AccountAlias":"my--vault"})", "ValidationError: "},
      {"CreateAccountAlias", R"({"AccountAlias":"-vault"})", "ValidationError: "},
      {"CreateAccountAlias", R"({"AccountAlias":"111122223333"})", "InvalidInput: "},
      {"DeleteAccountAlias", R"({"AccountAlias":"my-vault"})", "NoSuchEntity: The account alias my-vault"},
      {"DeleteAccountAlias", R"({"AccountAlias":"other-vault"})"}}},
    {"Simulators",
     {{"SimulateCustomPolicy", R"({"ActionNames":["kms:Encrypt"],"PolicyInputList":["{}"]})",
       "InvalidInput: Invalid PolicyInputList.1: "},
      {"SimulateCustomPolicy",
       R"({"ActionNames":["kms:Encrypt"],"CallerArn":"arn:aws:iam::111122223333:role/x","PolicyInputList":[)" +
           kPolicy + "]}",
       "InvalidInput: ARN"},
      {"SimulateCustomPolicy",
       R"({"ActionNames":["kms:Encrypt"],"ContextEntries":[{"ContextKeyName":"my:one","ContextKeyType":"string",)"
       R"("ContextKeyValues":[")" +
           std::string(8'193, 'a') + R"("]}],"PolicyInputList":[)" + kPolicy + "]}",
       "InvalidInput: ContextKeyValues can have at most 8192 characters."},
      {"SimulateCustomPolicy", LongSimulation(), "InvalidInput: The policies take too long to evaluate."},
      {"SimulatePrincipalPolicy",
       R"({"ActionNames":["kms:Encrypt"],"PolicySourceArn":"arn:aws:iam::111122223333:user/none"})",
       "NoSuchEntity: The user with name none cannot be found."},
      {"SimulatePrincipalPolicy",
       R"({"ActionNames":["kms:Encrypt"],"PolicySourceArn":"arn:aws:iam::444455556666:user/none"})",
       "InvalidInput: ARN"}}}};

TEST_P(IamStories, StoriesGoAsTold) {
  for (const Story& story : kStories) {
    SCOPED_TRACE(story.name);
    for (const Step& step : story.steps) {
      const std::string refusal = Refusal(root_, step.operation, step.body);
      if (step.refusal.empty()) {
        EXPECT_EQ(refusal, "") << step.operation << " " << step.body;
      } else {
        EXPECT_THAT(refusal, StartsWith(step.refusal)) << step.operation << " " << step.body;
      }
    }
    // Each begins with nothing.
    const Status emptied = database_->Transact([](store::Transaction& t) -> Status {
      for (const std::string_view table :
           {"iam_entities", "iam_memberships", "iam_policies", "iam_policy_versions", "iam_inline_policies",
            "iam_attachments", "iam_tags", "iam_login_profiles", "iam_password_policies", "iam_oidc_providers"}) {
        SR_CHECK(t.Execute(std::string("DELETE FROM ").append(table)));
      }
      return {};
    });
    ASSERT_TRUE(emptied.ok()) << emptied.error();
  }
}

}  // namespace
}  // namespace strongroom::iam
