// What real policies allow and deny at KMS: key policies and identity policies together, and conditions.
#include "kms/testing/policy_calls.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;

const std::vector<PolicyRow> kWhoDecides = {
    {"IdentityPoliciesCountWhereTheKeyLetsTheAccountIn",
     [](PolicyWorld& w) {
       w.Attach(kAlice, MayDo("kms:Encrypt"));
       const std::string open = w.Key({kAccountIn}), closed = w.Key({kAdminOnly});
       return Outcomes{w.Encrypt(kAlice, open), w.Encrypt(kBob, open), w.Encrypt(kAlice, closed),
                       w.Encrypt(kAccount, closed)};
     },
     {kOk, kDenied, kDenied, kDenied}},
    {"AKeyPolicyAloneSuffices",
     [](PolicyWorld& w) {
       const std::string key = w.Key({KeyAllows(kAliceArn, "kms:Encrypt")});
       return Outcomes{w.Encrypt(kAlice, key), w.Try(kAlice, "DescribeKey", {{"KeyId", key}}), w.Encrypt(kBob, key)};
     },
     {kOk, kDenied, kDenied}},
    {"ADenyAnywhereWins",
     [](PolicyWorld& w) {
       const std::string key = w.Key(
           {KeyAllows(kAliceArn, "kms:*"), KeyAllows(kBobArn, "kms:*"), kAccountIn, KeyDenies(kBobArn, "kms:Encrypt")});
       w.Attach(kAlice, MayNot("kms:Enc*"));
       w.Attach(kBob, MayDo("kms:*"));
       return Outcomes{w.Encrypt(kAlice, key), w.Encrypt(kBob, key), w.Encrypt(kAccount, key)};
     },
     {kDenied, kDenied, kOk}},
    {"AKeysPolicyCanDenyTheRootToo",
     [](PolicyWorld& w) {
       const std::string key = w.Key({kAccountIn, KeyDenies("arn:aws:iam::111122223333:root", "kms:Encrypt")});
       return Outcomes{w.Encrypt(kAccount, key), w.Try(kAccount, "DescribeKey", {{"KeyId", key}})};
     },
     {kDenied, kOk}},
    {"AnotherAccountNeedsBothSides",
     [](PolicyWorld& w) {
       const std::string shared =
           "arn:aws:kms:eu-central-1:111122223333:key/" + w.Key({kAccountIn, KeyAllows("444455556666", "kms:Encrypt")});
       const std::string kept = "arn:aws:kms:eu-central-1:111122223333:key/" + w.Key({kAccountIn});
       Outcomes seen{w.Encrypt(kForeignRoot, shared), w.Encrypt(kForeignBob, shared), w.Encrypt(kForeignRoot, kept)};
       w.Attach(kForeignBob, MayDo("kms:*"));
       seen.push_back(w.Encrypt(kForeignBob, shared));
       seen.push_back(w.Encrypt(kForeignBob, kept));
       return seen;
     },
     {kOk, kDenied, kDenied, kOk, kDenied}},
    {"AnotherAccountsUserNeedsItsOwnPolicyEvenWhenNamed",
     [](PolicyWorld& w) {
       const std::string key =
           "arn:aws:kms:eu-central-1:111122223333:key/" + w.Key({KeyAllows(kForeignBobArn, "kms:Encrypt")});
       const std::string before = w.Encrypt(kForeignBob, key);
       w.Attach(kForeignBob, MayDo("kms:Encrypt", key));
       return Outcomes{before, w.Encrypt(kForeignBob, key)};
     },
     {kDenied, kOk}},
    {"AUserMadeAnewUnderItsNameIsAnotherOne",
     [](PolicyWorld& w) {
       w.service.principals().BeAnother(kBobArn, "AIDABOBBEFORE");
       const std::string key = w.Key({kAdminOnly, KeyAllows(kAliceArn, "kms:*"), KeyAllows(kBobArn, "kms:*")});
       w.service.principals().BeTheSame(kBobArn);
       Outcomes seen{w.Encrypt(kAlice, key), w.Encrypt(kBob, key)};
       w.Try(kAlice, "PutKeyPolicy",
             {{"KeyId", key}, {"Policy", Policy({KeyAllows(kAliceArn, "kms:*"), KeyAllows(kBobArn, "kms:*")})}});
       seen.push_back(w.Encrypt(kBob, key));
       return seen;
     },
     {kOk, kDenied, kOk}},
    {"WhoIsNotThereAnyMoreIsShownByTheUniqueId",
     [](PolicyWorld& w) {
       w.service.principals().BeAnother(kBobArn, "AIDABOBBEFORE");
       const std::string key = w.Key({kAdminOnly, KeyAllows(kAliceArn, "kms:*"), KeyAllows(kBobArn, "kms:*")});
       const auto shown = [&] {
         const std::string text = w.service.Call("GetKeyPolicy", {{"KeyId", key}}, "111122223333.admin").Text("Policy");
         std::string who;
         for (const auto& [name, told] : {std::pair(kAliceArn, "alice "), {kBobArn, "bob "}, {"AIDABOBBEFORE", "id "}})
           if (text.find("\"" + std::string(name) + "\"") != std::string::npos) who += told;
         return who;
       };
       Outcomes seen{shown()};
       w.service.principals().BeTheSame(kBobArn);
       seen.push_back(shown());
       return seen;
     },
     {"alice bob ", "alice id "}},
    {"WhoDoesNotExistCannotBeNamed",
     [](PolicyWorld& w) {
       const std::string key = w.Key({kAdminOnly});
       const std::string policy = Policy({kAdminOnly, KeyAllows("arn:aws:iam::111122223333:user/nobody", "kms:*")});
       return Outcomes{w.Try(kAccount, "CreateKey", {{"Policy", policy}}),
                       w.Try("111122223333.admin", "PutKeyPolicy", {{"KeyId", key}, {"Policy", policy}})};
     },
     {"MalformedPolicyDocumentException", "MalformedPolicyDocumentException"}},
    {"WhetherAKeyIsThereIsForThoseWhoCouldUseIt",
     [](PolicyWorld& w) {
       const std::string missing = "11111111-2222-3333-4444-555555555555";
       w.Attach(kAlice, MayDo("kms:Encrypt"));
       return Outcomes{w.Encrypt(kAlice, missing), w.Encrypt(kBob, missing), w.Encrypt(kAccount, missing)};
     },
     {"NotFoundException", kDenied, "NotFoundException"}},
    {"OperationsWithoutAKeyAreForIdentityPolicies",
     [](PolicyWorld& w) {
       w.Attach(kAlice, MayDo(R"(["kms:ListKeys","kms:GenerateRandom"])"));
       return Outcomes{w.Try(kAlice, "ListKeys", {}), w.Try(kBob, "ListKeys", {}),
                       w.Try(kAlice, "GenerateRandom", {{"NumberOfBytes", 1}}), w.Try(kAlice, "ListAliases", {}),
                       w.Try(kAccount, "ListAliases", {})};
     },
     {kOk, kDenied, kOk, kDenied, kOk}},
    {"DryRunAnswersFromTheSameEngine",
     [](PolicyWorld& w) {
       const std::string key = w.Key({KeyAllows(kAliceArn, "kms:Encrypt", Equals("kms:EncryptionContext:Dept", "IT"))});
       json::object right = EncryptBody(key, kContext), wrong = EncryptBody(key);
       right["DryRun"] = wrong["DryRun"] = true;
       return Outcomes{w.Try(kAlice, "Encrypt", right), w.Try(kAlice, "Encrypt", wrong), w.Try(kBob, "Encrypt", right)};
     },
     {kDryRun, kDenied, kDenied}},
};

const std::vector<PolicyRow> kOnConditions = {
    {"OnTheEncryptionContext",
     [](PolicyWorld& w) {
       const std::string key = w.Key({KeyAllows(kAliceArn, "kms:Encrypt", Equals("kms:EncryptionContext:Dept", "IT"))});
       return Outcomes{w.Encrypt(kAlice, key, kContext), w.Encrypt(kAlice, key, {{"dept", "IT"}}),
                       w.Encrypt(kAlice, key, {{"Dept", "it"}}), w.Encrypt(kAlice, key)};
     },
     {kOk, kOk, kDenied, kDenied}},
    {"OnTheKeysOfTheEncryptionContext",
     [](PolicyWorld& w) {
       const std::string key = w.Key({KeyAllows(
           kAliceArn, "kms:Encrypt", Equals("kms:EncryptionContextKeys", "Dept", "ForAnyValue:StringEquals"))});
       return Outcomes{w.Encrypt(kAlice, key, {{"Dept", "x"}, {"other", "y"}}),
                       w.Encrypt(kAlice, key, {{"other", "y"}})};
     },
     {kOk, kDenied}},
    {"OnWhatKindOfKeyIsMade",
     [](PolicyWorld& w) {
       w.Attach(kAlice, MayDo("kms:CreateKey", "*", Equals("kms:KeySpec", "HMAC_256")));
       const json::object hmac{{"KeySpec", "HMAC_256"},
                               {"KeyUsage", "GENERATE_VERIFY_MAC"},
                               {"Policy", Policy({KeyAllows(kAliceArn, "kms:*")})}};
       return Outcomes{w.Try(kAlice, "CreateKey", hmac), w.Try(kAlice, "CreateKey", {})};
     },
     {kOk, kDenied}},
    {"OnTheKeyThatIsUsed",
     [](PolicyWorld& w) {
       w.Attach(kAlice, MayDo("kms:*", "*", Equals("kms:KeyOrigin", "EXTERNAL")));
       const std::string ours = w.Key({kAccountIn}), theirs = w.Key({kAccountIn}, {{"Origin", "EXTERNAL"}});
       return Outcomes{w.Try(kAlice, "DescribeKey", {{"KeyId", ours}}),
                       w.Try(kAlice, "DescribeKey", {{"KeyId", theirs}})};
     },
     {kDenied, kOk}},
    {"OnTheKeysTagsAsTheyAreNow",
     [](PolicyWorld& w) {
       w.Attach(kAlice, MayDo("kms:Encrypt", "*", Equals("aws:ResourceTag/Team", "red")));
       const std::string key = w.Key({kAccountIn});
       Outcomes seen{w.Encrypt(kAlice, key)};
       w.Try(kAccount, "TagResource", {{"KeyId", key}, {"Tags", OneTag("Team", "red")}});
       seen.push_back(w.Encrypt(kAlice, key));
       w.Try(kAccount, "UntagResource", {{"KeyId", key}, {"TagKeys", json::array{"Team"}}});
       seen.push_back(w.Encrypt(kAlice, key));
       return seen;
     },
     {kDenied, kOk, kDenied}},
    {"OnTheKeysAliasesAsTheyAreNow",
     [](PolicyWorld& w) {
       w.Attach(kAlice,
                MayDo("kms:Encrypt", "*", Equals("kms:ResourceAliases", "alias/prod-*", "ForAnyValue:StringLike")));
       const std::string key = w.Key({kAccountIn}), other = w.Key({kAccountIn});
       Outcomes seen{w.Encrypt(kAlice, key)};
       w.Alias("alias/prod-1", key);
       seen.push_back(w.Encrypt(kAlice, key));
       w.Try(kAccount, "UpdateAlias", {{"AliasName", "alias/prod-1"}, {"TargetKeyId", other}});
       seen.push_back(w.Encrypt(kAlice, key));
       seen.push_back(w.Encrypt(kAlice, other));
       w.Try(kAccount, "DeleteAlias", {{"AliasName", "alias/prod-1"}});
       seen.push_back(w.Encrypt(kAlice, other));
       return seen;
     },
     {kDenied, kOk, kDenied, kOk, kDenied}},
    {"OnTheAliasThatTheRequestNames",
     [](PolicyWorld& w) {
       const std::string key =
           w.Key({kAccountIn, KeyAllows(kAliceArn, "kms:Encrypt", Equals("kms:RequestAlias", "alias/front"))});
       w.Alias("alias/front", key);
       return Outcomes{w.Encrypt(kAlice, "alias/front"),
                       w.Encrypt(kAlice, "arn:aws:kms:eu-central-1:111122223333:alias/front"), w.Encrypt(kAlice, key)};
     },
     {kOk, kOk, kDenied}},
    {"OnTheAlgorithm",
     [](PolicyWorld& w) {
       const std::string key =
           w.Key({KeyAllows(kAliceArn, "kms:Sign", Equals("kms:SigningAlgorithm", "RSASSA_PSS_*", "StringLike"))},
                 {{"KeySpec", "RSA_2048"}, {"KeyUsage", "SIGN_VERIFY"}});
       const auto sign = [&](const char* algorithm) {
         return w.Try(kAlice, "Sign", {{"KeyId", key}, {"Message", B64("m")}, {"SigningAlgorithm", algorithm}});
       };
       return Outcomes{sign("RSASSA_PSS_SHA_256"), sign("RSASSA_PKCS1_V1_5_SHA_256")};
     },
     {kOk, kDenied}},
    {"OnReEncryptionToTheSameKey",
     [](PolicyWorld& w) {
       const std::string condition = R"({"Bool":{"kms:ReEncryptOnSameKey":"true"}})";
       const std::string one = w.Key({kAccountIn, KeyAllows(kAliceArn, "kms:ReEncrypt*", condition)});
       const std::string two = w.Key({KeyAllows(kAliceArn, "kms:ReEncrypt*")});
       const std::string blob = Base64(w.service.Encrypted(one, "x"));
       const auto move = [&](const std::string& to) {
         return w.Try(kAlice, "ReEncrypt", {{"CiphertextBlob", blob}, {"SourceKeyId", one}, {"DestinationKeyId", to}});
       };
       return Outcomes{move(one), move(two)};
     },
     {kOk, kDenied}},
    {"OnReEncryptionToNoKeyAtAll",
     [](PolicyWorld& w) {
       const std::string key = w.Key({kAccountIn, KeyAllows(kAliceArn, "kms:ReEncrypt*")});
       const json::object move{{"CiphertextBlob", Base64(w.service.Encrypted(key, "x"))},
                               {"SourceKeyId", key},
                               {"DestinationKeyId", "alias/nowhere"}};
       Outcomes seen{w.Try(kAlice, "ReEncrypt", move)};
       w.Attach(kAlice, MayNot("kms:ReEncryptFrom", R"({"Bool":{"kms:ReEncryptOnSameKey":"false"}})"));
       seen.push_back(w.Try(kAlice, "ReEncrypt", move));
       return seen;
     },
     {"NotFoundException", kDenied}},
    {"OnTheDaysUntilAKeyGoes",
     [](PolicyWorld& w) {
       w.Attach(kAlice, MayDo("kms:ScheduleKeyDeletion", "*",
                              R"({"NumericGreaterThanEquals":{"kms:ScheduleKeyDeletionPendingWindowInDays":"14"}})"));
       const std::string key = w.Key({kAccountIn});
       const auto end = [&](int days) {
         return w.Try(kAlice, "ScheduleKeyDeletion", {{"KeyId", key}, {"PendingWindowInDays", days}});
       };
       return Outcomes{end(7), end(14)};
     },
     {kDenied, kOk}},
    {"OnTagsThatAKeyIsMadeWith",
     [](PolicyWorld& w) {
       w.Attach(kAlice, MayDo("kms:CreateKey", "*", Equals("aws:RequestTag/Team", "red")));
       const json::object red{{"Policy", Policy({KeyAllows(kAliceArn, "kms:*")})}, {"Tags", OneTag("Team", "red")}};
       Outcomes seen{w.Try(kAlice, "CreateKey", {}), w.Try(kAlice, "CreateKey", red)};
       w.Attach(kAlice, MayDo("kms:TagResource", "arn:aws:kms:*:111122223333:key/*"));
       seen.push_back(w.Try(kAlice, "CreateKey", red));
       w.Attach(kAlice, MayNot("kms:TagResource", Equals("aws:TagKeys", "Team", "ForAnyValue:StringEquals")));
       seen.push_back(w.Try(kAlice, "CreateKey", red));
       return seen;
     },
     {kDenied, kDenied, kOk, kDenied}},
    {"OnTheRegionOfAReplica",
     [](PolicyWorld& w) {
       const std::string policy = Policy({KeyAllows(kAliceArn, "kms:*")});
       const std::string key = w.Key({KeyAllows(kAliceArn, "kms:*")}, {{"MultiRegion", true}});
       const auto replicate = [&](std::string_view region) {
         return w.Try(kAlice, "ReplicateKey", {{"KeyId", key}, {"ReplicaRegion", region}, {"Policy", policy}});
       };
       Outcomes seen{replicate(kOtherRegion)};
       w.Attach(kAlice, MayDo("kms:CreateKey", "*", Equals("aws:RequestedRegion", std::string(kOtherRegion))));
       seen.push_back(replicate(kThirdRegion));
       seen.push_back(replicate(kOtherRegion));
       return seen;
     },
     {kDenied, kDenied, kOk}},
    {"OnGrants",
     [](PolicyWorld& w) {
       const std::string key =
           w.Key({kAccountIn, KeyAllows(kAliceArn, "kms:CreateGrant",
                                        R"({"ForAllValues:StringEquals":{"kms:GrantOperations":["Encrypt","Decrypt"]},)"
                                        R"("StringEquals":{"kms:GrantConstraintType":"EncryptionContextEquals"}})")});
       const json::object constraint{{"Constraints", {{"EncryptionContextEquals", kContext}}}};
       const auto grant = [&](json::array operations, json::object more) {
         return w.Try(kAlice, "CreateGrant", GrantBody(key, kBobArn, std::move(operations), std::move(more)));
       };
       return Outcomes{grant({"Encrypt"}, constraint), grant({"Encrypt"}, {}),
                       grant({"Encrypt", "DescribeKey"}, constraint)};
     },
     {kOk, kDenied, kDenied}},
    {"OnGrantsWhoseConstraintIsNone",
     [](PolicyWorld& w) {
       const std::string key = w.Key(
           {kAccountIn, KeyAllows(kAliceArn, "kms:CreateGrant", R"({"Null":{"kms:GrantConstraintType":"false"}})")});
       const auto grant = [&](std::string_view kind, const json::object& pairs) {
         return w.Try(kAlice, "CreateGrant", GrantBody(key, kBobArn, {"Encrypt"}, {{"Constraints", {{kind, pairs}}}}));
       };
       Outcomes seen{grant("EncryptionContextSubset", {}), grant("EncryptionContextSubset", kContext),
                     grant("EncryptionContextEquals", {})};
       const Answer made =
           w.Grant(key, kBobArn, {"Decrypt"}, {{"Constraints", {{"EncryptionContextSubset", json::object{}}}}});
       const Answer shown = w.service.Call("ListGrants", {{"KeyId", key}, {"GrantId", made.Text("GrantId")}});
       EXPECT_FALSE(shown.body.at("Grants").at(0).as_object().contains("Constraints")) << shown.raw;
       return seen;
     },
     {kDenied, kOk, kOk}},
};

class Policies : public PolicyTable {};
TEST_P(Policies, DecideAsTheRowSays) { Check(); }
const auto kNames = [](const auto& info) { return info.param.name; };
INSTANTIATE_TEST_SUITE_P(WhoDecides, Policies, ::testing::ValuesIn(kWhoDecides), kNames);
INSTANTIATE_TEST_SUITE_P(OnConditions, Policies, ::testing::ValuesIn(kOnConditions), kNames);

}  // namespace
}  // namespace strongroom::kms::testing
