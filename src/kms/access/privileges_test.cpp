// The ways in which privilege at KMS must not be gained, as AWS documents them.
#include "kms/testing/policy_calls.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;

const std::vector<PolicyRow> kPrivileges = {
    {"NobodyLocksItselfOut",
     [](PolicyWorld& w) {
       const std::string key = w.Key({KeyAllows(kAliceArn, "kms:*")});
       const auto put = [&](const std::string& statement, bool bypass = false) {
         return w.Try(kAlice, "PutKeyPolicy",
                      {{"KeyId", key}, {"Policy", Policy({statement})}, {"BypassPolicyLockoutSafetyCheck", bypass}});
       };
       Outcomes seen{put(KeyAllows(kBobArn, "kms:*")), put(KeyAllows(kAliceArn, "kms:Encrypt")), put(kAccountIn)};
       seen.push_back(put(KeyAllows(kAliceArn, "kms:*", R"({"Bool":{"aws:MultiFactorAuthPresent":"true"}})")));
       w.Attach(kAlice, MayDo("kms:PutKeyPolicy"));
       seen.push_back(put(kAccountIn));
       seen.push_back(put(KeyAllows(kBobArn, "kms:*"), true));
       return seen;
     },
     {kLocksOut, kLocksOut, kLocksOut, kLocksOut, kOk, kOk}},
    {"NorWhenAKeyIsMade",
     [](PolicyWorld& w) {
       w.Attach(kAlice, MayDo("kms:CreateKey"));
       Outcomes seen{
           w.Try(kAlice, "CreateKey", {{"Policy", Policy({kAccountIn})}}),
           w.Try(kAlice, "CreateKey", {{"Policy", Policy({KeyAllows(kAliceArn, "kms:*")})}}),
           w.Try(kAlice, "CreateKey", {{"Policy", Policy({kAccountIn})}, {"BypassPolicyLockoutSafetyCheck", true}})};
       // The policy that a key has when the request has none locks nobody out of the account.
       seen.push_back(w.Try(kAlice, "CreateKey", {}));
       seen.push_back(w.Try(kAlice, "CreateKey", {{"BypassPolicyLockoutSafetyCheck", true}}));
       const std::string key = w.Key({kAccountIn, KeyAllows(kAliceArn, "kms:ReplicateKey")}, {{"MultiRegion", true}});
       json::object replica{{"KeyId", key}, {"ReplicaRegion", kOtherRegion}, {"Policy", Policy({kAccountIn})}};
       seen.push_back(w.Try(kAlice, "ReplicateKey", replica));
       replica.erase("Policy");
       seen.push_back(w.Try(kAlice, "ReplicateKey", replica));
       w.Attach(kAlice, MayNot("kms:CreateKey", R"({"Bool":{"kms:BypassPolicyLockoutSafetyCheck":"true"}})"));
       seen.push_back(w.Try(kAlice, "CreateKey", {{"BypassPolicyLockoutSafetyCheck", true}}));
       return seen;
     },
     {kLocksOut, kOk, kOk, kOk, kOk, kLocksOut, kOk, kDenied}},
    {"ChangingAPolicyIsItsOwnPermission",
     [](PolicyWorld& w) {
       const std::string key =
           w.Key({kAccountIn, KeyAllows(kAliceArn, R"(["kms:GetKeyPolicy","kms:CreateGrant","kms:Encrypt"])")});
       return Outcomes{
           w.Try(kAlice, "PutKeyPolicy", {{"KeyId", key}, {"Policy", Policy({KeyAllows(kAliceArn, "kms:*")})}})};
     },
     {kDenied}},
    {"AGrantPassesOnNoMoreThanItHas",
     [](PolicyWorld& w) {
       const std::string key = w.Key({kAccountIn});
       EXPECT_TRUE(w.Grant(key, kAliceArn, {"Encrypt", "CreateGrant"},
                           {{"Constraints", {{"EncryptionContextSubset", kContext}}}})
                       .ok());
       const json::object same{{"Constraints", {{"EncryptionContextSubset", kContext}}}};
       const json::object stricter{{"Constraints", {{"EncryptionContextSubset", {{"Dept", "IT"}, {"Level", "1"}}}}}};
       const json::object other{{"Constraints", {{"EncryptionContextSubset", {{"Dept", "HR"}}}}}};
       const auto pass = [&](json::array operations, const json::object& more) {
         return w.Try(kAlice, "CreateGrant", GrantBody(key, kBobArn, std::move(operations), more));
       };
       return Outcomes{pass({"Encrypt"}, same),        pass({"Encrypt"}, stricter), pass({"Encrypt"}, {}),
                       pass({"Encrypt"}, other),       pass({"Decrypt"}, same),     pass({"Encrypt", "Decrypt"}, same),
                       w.Encrypt(kBob, key, kContext), w.Encrypt(kBob, key)};
     },
     {kOk, kOk, kDenied, kDenied, kDenied, kDenied, kOk, kDenied}},
    {"AGrantDoesNotOverrideADeny",
     [](PolicyWorld& w) {
       const std::string key = w.Key({kAccountIn, KeyDenies(kBobArn, "kms:Encrypt")});
       w.Grant(key, kAliceArn, {"Encrypt"});
       w.Grant(key, kBobArn, {"Encrypt"});
       Outcomes seen{w.Encrypt(kAlice, key), w.Encrypt(kBob, key)};
       w.Attach(kAlice, MayNot("kms:*"));
       seen.push_back(w.Encrypt(kAlice, key));
       return seen;
     },
     {kOk, kDenied, kDenied}},
    {"AGrantIsForItsOperationsAlone",
     [](PolicyWorld& w) {
       const std::string key = w.Key({kAccountIn});
       const Answer grant = w.Grant(key, kAliceArn, {"Encrypt", "CreateGrant"});
       const json::object revoke{{"KeyId", key}, {"GrantId", grant.Text("GrantId")}};
       return Outcomes{w.Try(kAlice, "DescribeKey", {{"KeyId", key}}), w.Try(kAlice, "ListGrants", {{"KeyId", key}}),
                       w.Try(kAlice, "RevokeGrant", revoke), w.Try(kAlice, "GetKeyPolicy", {{"KeyId", key}}),
                       w.Try(kAlice, "RetireGrant", {{"GrantToken", grant.Text("GrantToken")}})};
     },
     {kDenied, kDenied, kDenied, kDenied, kDenied}},
    {"AGrantToAnAccountIsForWhomThatAccountAllows",
     [](PolicyWorld& w) {
       const std::string key = KeyArn(w.Key({kAccountIn}));
       w.Grant(key, "arn:aws:iam::444455556666:root", {"Encrypt"});
       Outcomes seen{w.Encrypt(kForeignRoot, key), w.Encrypt(kForeignBob, key)};
       w.Attach(kForeignBob, MayDo("kms:Encrypt", key));
       seen.push_back(w.Encrypt(kForeignBob, key));
       seen.push_back(w.Encrypt(kAlice, key));
       return seen;
     },
     {kOk, kDenied, kOk, kDenied}},
    {"AGrantAcrossAccountsNeedsNoIdentityPolicyOfWhomItNames",
     [](PolicyWorld& w) {
       const std::string key = KeyArn(w.Key({kAccountIn}));
       w.Grant(key, kForeignBobArn, {"Encrypt"});
       return Outcomes{w.Encrypt(kForeignBob, key), w.Encrypt("444455556666.carol", key)};
     },
     {kOk, kDenied}},
    {"RetiringIsForWhomTheGrantNamesNotForTheKeysPolicy",
     [](PolicyWorld& w) {
       const std::string key = w.Key({kAccountIn, KeyAllows(kAliceArn, "kms:RetireGrant")});
       const std::string deny = w.Key({kAccountIn, KeyDenies(kBobArn, "kms:RetireGrant")});
       const auto retire = [&](std::string_view who, const std::string& on, json::object more = {}) {
         const std::string token = w.Grant(on, kAliceArn, {"Encrypt"}, std::move(more)).Text("GrantToken");
         return w.Try(who, "RetireGrant", {{"GrantToken", token}});
       };
       const json::object for_bob{{"RetiringPrincipal", kBobArn}};
       Outcomes seen{retire(kAlice, key), retire(kBob, key), retire(kBob, key, for_bob), retire(kBob, deny, for_bob),
                     retire(kAccount, key)};
       w.Attach("111122223333.carol", MayDo("kms:RetireGrant"));
       seen.push_back(retire("111122223333.carol", key));
       return seen;
     },
     {kDenied, kDenied, kOk, kDenied, kOk, kOk}},
    {"GrantsForAwsResourcesAreForAwsServices",
     [](PolicyWorld& w) {
       const std::string key =
           w.Key({kAccountIn, KeyAllows(kAliceArn, R"(["kms:CreateGrant","kms:ListGrants","kms:RevokeGrant"])",
                                        R"({"Bool":{"kms:GrantIsForAWSResource":"true"}})")});
       const std::string id = w.Grant(key, kBobArn, {"Encrypt"}).Text("GrantId");
       return Outcomes{w.Try(kAlice, "CreateGrant", GrantBody(key, kAliceArn, {"Decrypt"})),
                       w.Try(kAlice, "ListGrants", {{"KeyId", key}}),
                       w.Try(kAlice, "RevokeGrant", {{"KeyId", key}, {"GrantId", id}})};
     },
     {kDenied, kDenied, kDenied}},
    {"ListingGrantsIsForItsOwnPermissionAndAccount",
     [](PolicyWorld& w) {
       const std::string key = w.Key({KeyAllows(kAliceArn, "kms:ListGrants"), kAccountIn});
       w.Attach(kBob, MayDo("kms:ListRetirableGrants", kBobArn));
       const auto retirable = [&](std::string_view who, const std::string& principal) {
         return w.Try(who, "ListRetirableGrants", {{"RetiringPrincipal", principal}});
       };
       return Outcomes{w.Try(kAlice, "ListGrants", {{"KeyId", key}}), w.Try(kBob, "ListGrants", {{"KeyId", key}}),
                       retirable(kBob, kBobArn), retirable(kBob, kAliceArn), retirable(kForeignRoot, kBobArn)};
     },
     {kOk, kDenied, kOk, kDenied, kDenied}},
    {"AnAliasGivesNothingByItself",
     [](PolicyWorld& w) {
       const std::string key = w.Key({kAccountIn});
       w.Alias("alias/door", key);
       w.Attach(kAlice, MayDo("kms:*", "arn:aws:kms:eu-central-1:111122223333:alias/door"));
       return Outcomes{w.Encrypt(kAlice, "alias/door"), w.Try(kAlice, "DeleteAlias", {{"AliasName", "alias/door"}})};
     },
     {kDenied, kDenied}},
    {"AnAliasIsItsOwnPermissionBesideTheKeys",
     [](PolicyWorld& w) {
       const std::string key =
           w.Key({KeyAllows(kAliceArn, R"(["kms:CreateAlias","kms:UpdateAlias","kms:DeleteAlias"])"), kAccountIn});
       const std::string other = w.Key({kAccountIn});
       w.service.Call("DeleteAlias", {{"AliasName", "alias/mine"}});
       const json::object create{{"AliasName", "alias/mine"}, {"TargetKeyId", key}};
       Outcomes seen{w.Try(kAlice, "CreateAlias", create)};
       w.Attach(kAlice, MayDo("kms:*Alias", "arn:aws:kms:eu-central-1:111122223333:alias/mine"));
       seen.push_back(w.Try(kAlice, "CreateAlias", create));
       seen.push_back(w.Try(kAlice, "UpdateAlias", {{"AliasName", "alias/mine"}, {"TargetKeyId", other}}));
       w.Try(kAccount, "UpdateAlias", {{"AliasName", "alias/mine"}, {"TargetKeyId", other}});
       seen.push_back(w.Try(kAlice, "UpdateAlias", {{"AliasName", "alias/mine"}, {"TargetKeyId", key}}));
       seen.push_back(w.Try(kAlice, "DeleteAlias", {{"AliasName", "alias/mine"}}));
       w.Try(kAccount, "UpdateAlias", {{"AliasName", "alias/mine"}, {"TargetKeyId", key}});
       seen.push_back(w.Try(kAlice, "DeleteAlias", {{"AliasName", "alias/mine"}}));
       return seen;
     },
     {kDenied, kOk, kDenied, kDenied, kDenied, kOk}},
    {"AnAliasNamesNoKeyOfAnotherAccount",
     [](PolicyWorld& w) {
       const std::string key = KeyArn(w.Key({kAccountIn, KeyAllows("444455556666", "kms:*")}));
       return Outcomes{w.Try(kForeignRoot, "CreateAlias", {{"AliasName", "alias/theirs"}, {"TargetKeyId", key}}),
                       w.Encrypt(kForeignRoot, "alias/theirs")};
     },
     {kDenied, "NotFoundException"}},
    {"AGrantIsForWhoHadTheNameWhenItWasMade",
     [](PolicyWorld& w) {
       const std::string key = w.Key({kAccountIn}), role = "arn:aws:iam::111122223333:role/clerk";
       constexpr std::string_view kSession = "111122223333.clerk.monday";
       FakePrincipals& names = w.service.principals();
       for (const std::string& arn : {kAliceArn, kBobArn, role}) names.BeAnother(arn, "BEFORE" + arn.substr(26));
       const json::object retiring{{"RetiringPrincipal", kBobArn}, {"Name", "once"}};
       const Answer before = w.Grant(key, kAliceArn, {"Encrypt", "CreateGrant"}, retiring);
       w.Grant(key, role, {"Encrypt"});
       for (const std::string& arn : {kAliceArn, kBobArn, role}) names.BeTheSame(arn);
       json::object with_token = EncryptBody(key);
       with_token["GrantTokens"] = json::array{before.Text("GrantToken")};
       const auto retire = [&](const Answer& grant) {
         return w.Try(kBob, "RetireGrant", {{"GrantToken", grant.Text("GrantToken")}});
       };
       Outcomes seen{w.Encrypt(kAlice, key), w.Try(kAlice, "Encrypt", with_token),
                     w.Try(kAlice, "CreateGrant", GrantBody(key, kBobArn, {"Encrypt"})), retire(before),
                     w.Encrypt(kSession, key)};
       const Answer now = w.Grant(key, kAliceArn, {"Encrypt", "CreateGrant"}, retiring);
       EXPECT_NE(now.Text("GrantId"), before.Text("GrantId")) << "the same request, but for somebody else";
       w.Grant(key, role, {"Encrypt"});
       for (std::string outcome :
            {w.Encrypt(kAlice, key), w.Try(kAlice, "CreateGrant", GrantBody(key, kBobArn, {"Encrypt"})), retire(now),
             w.Encrypt(kAlice, key), w.Encrypt(kSession, key)})
         seen.push_back(std::move(outcome));
       return seen;
     },
     {kDenied, kDenied, kDenied, kDenied, kDenied, kOk, kOk, kOk, kDenied, kOk}},
    {"WhoDoesNotExistGetsNoGrant",
     [](PolicyWorld& w) {
       const std::string key = w.Key({kAccountIn}), nobody = "arn:aws:iam::111122223333:user/nobody";
       return Outcomes{
           w.Try(kAccount, "CreateGrant", GrantBody(key, nobody, {"Encrypt"})),
           w.Try(kAccount, "CreateGrant", GrantBody(key, kAliceArn, {"Encrypt"}, {{"RetiringPrincipal", nobody}})),
           w.Try(kAccount, "CreateGrant", GrantBody(key, nobody, {"Encrypt"}, {{"DryRun", true}})),
           w.Try(kAlice, "CreateGrant", GrantBody(key, nobody, {"Encrypt"}))};
     },
     {"InvalidArnException", "InvalidArnException", "InvalidArnException", kDenied}},
    {"AKeyOfAnotherAccountIsThatAccountsToIdentityPoliciesAlone",
     [](PolicyWorld& w) {
       const std::string key = KeyArn(w.Key({kAccountIn}));
       w.Grant(key, "arn:aws:iam::444455556666:root", {"Encrypt", "DescribeKey"});
       w.Attach(kForeignBob, MayDo("kms:Encrypt", "*", Equals("aws:ResourceAccount", "444455556666")));
       w.Attach(kForeignBob, MayDo("kms:DescribeKey", "*", Equals("aws:ResourceAccount", "111122223333")));
       return Outcomes{w.Encrypt(kForeignBob, key), w.Try(kForeignBob, "DescribeKey", {{"KeyId", key}})};
     },
     {kDenied, kOk}},
    {"WhoNamesAClusterNeedsToSeeClusters",
     [](PolicyWorld& w) {
       const json::object store{{"CustomKeyStoreName", "store"},
                                {"CloudHsmClusterId", "cluster-aaaaaaaaaaa"},
                                {"TrustAnchorCertificate", "-----BEGIN CERTIFICATE-----"},
                                {"KeyStorePassword", "password-1"}};
       w.Attach(kAlice, MayDo("kms:CreateCustomKeyStore"));
       Outcomes seen{w.Try(kAlice, "CreateCustomKeyStore", store)};
       w.Attach(kAlice, MayDo("cloudhsm:DescribeClusters"));
       seen.push_back(w.Try(kAlice, "CreateCustomKeyStore", store));
       return seen;
     },
     {kDenied, "CloudHsmClusterNotFoundException"}},
    {"WhoMovesAStoreToAClusterNeedsToSeeClusters",
     [](PolicyWorld& w) {
       w.service.MakeCluster();
       const std::string store = w.service.NewStore("moved");
       const json::object move{{"CustomKeyStoreId", store}, {"CloudHsmClusterId", "cluster-aaaaaaaaaaa"}};
       w.Attach(kAlice, MayDo("kms:UpdateCustomKeyStore"));
       Outcomes seen{
           w.Try(kAlice, "UpdateCustomKeyStore", move),
           w.Try(kAlice, "UpdateCustomKeyStore", {{"CustomKeyStoreId", store}, {"NewCustomKeyStoreName", "named"}})};
       w.Attach(kAlice, MayDo("cloudhsm:DescribeClusters"));
       seen.push_back(w.Try(kAlice, "UpdateCustomKeyStore", move));
       return seen;
     },
     {kDenied, kOk, "CloudHsmClusterNotFoundException"}},
    {"WhatCanBeRetiredIsListedForWhoHadTheNameThen",
     [](PolicyWorld& w) {
       const std::string key = w.Key({kAccountIn});
       const std::string carol = "arn:aws:iam::111122223333:user/carol",
                         nobody = "arn:aws:iam::111122223333:user/nobody";
       FakePrincipals& names = w.service.principals();
       names.BeAnother(carol, "BEFORECAROL");
       w.Grant(key, kAliceArn, {"Encrypt"}, {{"RetiringPrincipal", carol}});
       const auto count = [&](const std::string& whom) {
         const Answer listed = w.service.Call("ListRetirableGrants", {{"RetiringPrincipal", whom}});
         return listed.ok() ? std::to_string(listed.body.at("Grants").as_array().size()) : Outcome(listed);
       };
       Outcomes seen{count(carol)};
       names.BeTheSame(carol);
       seen.push_back(count(carol));
       w.Grant(key, kAliceArn, {"Decrypt"}, {{"RetiringPrincipal", carol}});
       seen.push_back(count(carol));
       seen.push_back(count(nobody));
       return seen;
     },
     {"1", "0", "1", "0"}},
    {"MoreTagsThanAKeyCanHaveAreNoQuestionForPolicies",
     [](PolicyWorld& w) {
       const std::string key = w.Key({kAccountIn}, {{"MultiRegion", true}});
       json::array tags, keys;
       for (int i = 0; i < 51; ++i) {
         tags.push_back({{"TagKey", "k" + std::to_string(i)}, {"TagValue", "v"}});
         keys.emplace_back("k" + std::to_string(i));
       }
       return Outcomes{w.Try(kAlice, "CreateKey", {{"Tags", tags}}),
                       w.Try(kAlice, "TagResource", {{"KeyId", key}, {"Tags", tags}}),
                       w.Try(kAlice, "UntagResource", {{"KeyId", key}, {"TagKeys", keys}}),
                       w.Try(kAlice, "ReplicateKey",
                             {{"KeyId", key}, {"ReplicaRegion", std::string(kOtherRegion)}, {"Tags", tags}})};
     },
     {"TagException", "TagException", "TagException", "TagException"}},
};

class Privileges : public PolicyTable {};
TEST_P(Privileges, DecideAsTheRowSays) { Check(); }
INSTANTIATE_TEST_SUITE_P(Kms, Privileges, ::testing::ValuesIn(kPrivileges),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace strongroom::kms::testing
