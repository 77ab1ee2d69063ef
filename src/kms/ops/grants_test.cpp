// Grants: who gets what by them, for how long, and what is refused.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "kms/testing/grant_calls.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;

constexpr std::string_view kSession = "111122223333.clerk.monday", kForeigner = "444455556666.eve",
                           kFederated = "111122223333.alice..f";

TEST(Grants, AllowTheGranteeTheirOperationsAtOnceAndNobodyElse) {
  FakeService service;
  const std::string key = service.NewKey();
  const std::string before = Outcome(service.Call("Encrypt", EncryptBody(key), kAlice));
  EXPECT_EQ(before, "AccessDeniedException");
  const Answer made = service.Call("CreateGrant", GrantBody(key, kAliceArn, {"Encrypt", "DescribeKey"}));
  ASSERT_TRUE(made.ok()) << made.raw;
  EXPECT_EQ(made.Text("GrantId").size(), 64u);
  EXPECT_EQ(made.body.as_object().size(), 2u);
  EXPECT_EQ(service.Audited(),
            (json::object{{"answer", {{"keyId", "arn:aws:kms:eu-central-1:111122223333:key/" + key}}}}));
  EXPECT_EQ(Outcome(service.Call("Encrypt", EncryptBody(key), kAlice)), "ok");
  EXPECT_EQ(Outcome(service.Call("DescribeKey", {{"KeyId", key}}, kAlice)), "ok");
  EXPECT_EQ(Outcome(service.Call("Encrypt", EncryptBody(key), kBob)), "AccessDeniedException");
  const Bytes blob = service.Encrypted(key, "hi");
  EXPECT_EQ(Outcome(service.Call("Decrypt", {{"CiphertextBlob", Base64(blob)}}, kAlice)), "AccessDeniedException");
  EXPECT_EQ(Outcome(service.Call("GetKeyPolicy", {{"KeyId", key}}, kAlice)), "AccessDeniedException");
}

TEST(Grants, EndWhenTheyAreRevoked) {
  FakeService service;
  const std::string key = service.NewKey();
  const std::string grant = service.Call("CreateGrant", GrantBody(key, kAliceArn, {"Encrypt"})).Text("GrantId");
  ASSERT_EQ(Outcome(service.Call("Encrypt", EncryptBody(key), kAlice)), "ok");
  const json::object which{{"KeyId", key}, {"GrantId", grant}};
  json::object dry = which;
  dry["DryRun"] = true;
  EXPECT_EQ(Outcome(service.Call("RevokeGrant", dry)), "DryRunOperationException");
  EXPECT_EQ(Outcome(service.Call("RevokeGrant", which, kAlice)), "AccessDeniedException");
  EXPECT_EQ(service.Call("RevokeGrant", which).raw, "");
  EXPECT_EQ(Outcome(service.Call("Encrypt", EncryptBody(key), kAlice)), "AccessDeniedException");
  const Answer again = service.Call("RevokeGrant", which);
  EXPECT_EQ(again.type + " " + again.message, "NotFoundException Grant ID " + grant + " not found");
  EXPECT_EQ(service.Count("SELECT grant_count FROM kms_keys"), 0);
}

TEST(Grants, ShowWhoIsNotThereAnyMoreByTheUniqueId) {
  FakeService service;
  const std::string key = service.NewKey();
  const std::string session = "arn:aws:sts::111122223333:assumed-role/clerk/monday";
  ASSERT_TRUE(
      service.Call("CreateGrant", GrantBody(key, kAliceArn, {"Encrypt"}, {{"RetiringPrincipal", kBobArn}})).ok());
  ASSERT_TRUE(service.Call("CreateGrant", GrantBody(key, session, {"Encrypt"}, {{"RetiringPrincipal", kBobArn}})).ok());
  const auto listed = [&](const json::object& request, std::string_view operation = "ListGrants") {
    std::string shown;
    const Answer answer = service.Call(operation, request);
    if (!answer.ok()) return answer.raw;
    for (const json::value& grant : answer.body.at("Grants").as_array())
      shown += std::string(grant.at("GranteePrincipal").as_string()) + " " +
               std::string(grant.at("RetiringPrincipal").as_string()) + "\n";
    return shown;
  };
  const auto of = [&](const std::string& grantee) {
    return listed(json::object{{"KeyId", key}, {"GranteePrincipal", grantee}});
  };
  const std::string alice_id = FakeUniqueId(kAliceArn), bob_id = FakeUniqueId(kBobArn);
  EXPECT_EQ(listed({{"KeyId", key}}), kAliceArn + " " + kBobArn + "\n" + session + " " + kBobArn + "\n");
  // Deleted; and another one under the name, for whom the grant is not.
  service.principals().BeGone(kAliceArn);
  service.principals().BeAnother(kBobArn, "AIDANOTHERBOB");
  EXPECT_EQ(listed({{"KeyId", key}}), alice_id + " " + bob_id + "\n" + session + " " + bob_id + "\n");
  EXPECT_EQ(of(alice_id), alice_id + " " + bob_id + "\n");
  EXPECT_EQ(of(kAliceArn), alice_id + " " + bob_id + "\n");
  EXPECT_EQ(of(FakeUniqueId("arn:aws:iam::111122223333:user/carol")), "");
  service.principals().BeTheSame(kBobArn);
  EXPECT_EQ(listed({{"RetiringPrincipal", kBobArn}}, "ListRetirableGrants"),
            alice_id + " " + kBobArn + "\n" + session + " " + kBobArn + "\n");
}

TEST(Grants, AreOverruledByAnExplicitDeny) {
  FakeService service;
  const std::string key = service.NewKey();
  ASSERT_TRUE(service.Call("CreateGrant", GrantBody(key, kAliceArn, {"Encrypt"})).ok());
  const std::string deny =
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*",)"
      R"("Resource":"*"},{"Effect":"Deny","Principal":{"AWS":")" +
      kAliceArn + R"("},"Action":"kms:Encrypt","Resource":"*"}]})";
  ASSERT_TRUE(service.Call("PutKeyPolicy", {{"KeyId", key}, {"Policy", deny}}).ok());
  const Answer refused = service.Call("Encrypt", EncryptBody(key), kAlice);
  EXPECT_EQ(refused.message, "User: " + kAliceArn + " is not authorized to perform: kms:Encrypt on resource: " +
                                 KeyArn(key) + " with an explicit deny in a resource-based policy");
}

TEST(Grants, NameRolesSessionsAndPrincipalsOfOtherAccounts) {
  FakeService service;
  const std::string key = service.NewKey();
  const auto granted = [&](const std::string& grantee, std::string_view caller) {
    const std::string id = service.Call("CreateGrant", GrantBody(key, grantee, {"Encrypt"})).Text("GrantId");
    const std::string outcome = Outcome(service.Call("Encrypt", EncryptBody(KeyArn(key)), caller));
    EXPECT_TRUE(service.Call("RevokeGrant", {{"KeyId", key}, {"GrantId", id}}).ok());
    return outcome;
  };
  EXPECT_EQ(granted("arn:aws:iam::111122223333:role/clerk", kSession), "ok");
  EXPECT_EQ(granted("arn:aws:sts::111122223333:assumed-role/clerk/monday", kSession), "ok");
  EXPECT_EQ(granted("arn:aws:sts::111122223333:assumed-role/clerk/tuesday", kSession), "AccessDeniedException");
  EXPECT_EQ(granted("arn:aws:sts::111122223333:federated-user/f", kFederated), "ok");
  EXPECT_EQ(granted(kAliceArn, kFederated), "AccessDeniedException") << "session policies would not limit it";
  EXPECT_EQ(granted("arn:aws:iam::444455556666:user/eve", kForeigner), "ok");
  EXPECT_EQ(granted("arn:aws:iam::444455556666:root", kOtherAccount), "ok");
  // To an account is for its root to delegate, and nothing delegates to eve.
  EXPECT_EQ(granted("arn:aws:iam::444455556666:root", kForeigner), "AccessDeniedException");
}

struct ConstraintRow {
  std::string name;
  json::object constraints, context;
  bool allowed;
};
const ConstraintRow kConstraintRows[] = {
    {"EqualsTheSame", {{"EncryptionContextEquals", {{"a", "1"}, {"b", "2"}}}}, {{"b", "2"}, {"a", "1"}}, true},
    {"EqualsLess", {{"EncryptionContextEquals", {{"a", "1"}, {"b", "2"}}}}, {{"a", "1"}}, false},
    {"EqualsMore", {{"EncryptionContextEquals", {{"a", "1"}}}}, {{"a", "1"}, {"b", "2"}}, false},
    {"EqualsNothing", {{"EncryptionContextEquals", json::object{}}}, {}, true},
    {"EqualsNothingButSomething", {{"EncryptionContextEquals", json::object{}}}, {{"a", "1"}}, false},
    {"SubsetOfMore", {{"EncryptionContextSubset", {{"a", "1"}}}}, {{"a", "1"}, {"b", "2"}}, true},
    {"SubsetWithoutContext", {{"EncryptionContextSubset", {{"a", "1"}}}}, {}, false},
    {"SubsetOfNothing", {{"EncryptionContextSubset", json::object{}}}, {}, true},
    {"SubsetOtherValue", {{"EncryptionContextSubset", {{"a", "1"}}}}, {{"a", "2"}}, false},
    {"KeysHaveCase", {{"EncryptionContextSubset", {{"a", "1"}}}}, {{"A", "1"}}, false},
    {"ValuesHaveCase", {{"EncryptionContextSubset", {{"a", "x"}}}}, {{"a", "X"}}, false},
    {"BothHold",
     {{"EncryptionContextEquals", {{"a", "1"}, {"b", "2"}}}, {"EncryptionContextSubset", {{"a", "1"}}}},
     {{"a", "1"}, {"b", "2"}},
     true},
    {"OneOfBothHolds",
     {{"EncryptionContextEquals", {{"a", "1"}}}, {"EncryptionContextSubset", {{"b", "2"}}}},
     {{"a", "1"}},
     false},
};
class ConstraintTable : public ::testing::TestWithParam<ConstraintRow> {};
TEST_P(ConstraintTable, AllowsAsTheRowSays) {
  FakeService service;
  const std::string key = service.NewKey();
  const Answer made = service.Call(
      "CreateGrant", GrantBody(key, kAliceArn, {"Encrypt", "DescribeKey"}, {{"Constraints", GetParam().constraints}}));
  ASSERT_TRUE(made.ok()) << made.raw;
  EXPECT_EQ(Outcome(service.Call("Encrypt", EncryptBody(key, GetParam().context), kAlice)),
            GetParam().allowed ? "ok" : "AccessDeniedException");
  // What has no encryption context is not constrained.
  EXPECT_EQ(Outcome(service.Call("DescribeKey", {{"KeyId", key}}, kAlice)), "ok");
}
INSTANTIATE_TEST_SUITE_P(Grants, ConstraintTable, ::testing::ValuesIn(kConstraintRows),
                         [](const auto& row) { return row.param.name; });

struct CreateRow {
  std::string name;
  json::object more;  // over a grant to alice for Encrypt
  std::string type, message;
};
json::object NinePairs() {
  json::object pairs;
  for (int i = 0; i < 9; ++i) pairs["k" + std::to_string(i)] = "v";
  return pairs;
}
const std::string kKeyMark = "KEY";
const CreateRow kCreateRows[] = {
    {"NoOperations",
     {{"Operations", json::array{}}},
     "ValidationException",
     "A grant must allow at least one operation."},
    {"OperationOfOtherUsage",
     {{"Operations", {"Encrypt", "Sign"}}},
     "ValidationException",
     "The operation Sign is not valid for KEY, whose key spec is SYMMETRIC_DEFAULT and key usage ENCRYPT_DECRYPT."},
    {"AccountIdAsGrantee",
     {{"GranteePrincipal", "111122223333"}},
     "InvalidArnException",
     "Invalid principal 111122223333"},
    {"GroupAsGrantee",
     {{"GranteePrincipal", "arn:aws:iam::111122223333:group/g"}},
     "InvalidArnException",
     "Invalid principal arn:aws:iam::111122223333:group/g"},
    {"UserWithoutName",
     {{"GranteePrincipal", "arn:aws:iam::111122223333:user/"}},
     "InvalidArnException",
     "Invalid principal arn:aws:iam::111122223333:user/"},
    {"SessionWithoutName",
     {{"GranteePrincipal", "arn:aws:sts::111122223333:assumed-role/r"}},
     "InvalidArnException",
     "Invalid principal arn:aws:sts::111122223333:assumed-role/r"},
    {"ShortAccount",
     {{"GranteePrincipal", "arn:aws:iam::1111:root"}},
     "InvalidArnException",
     "Invalid principal arn:aws:iam::1111:root"},
    {"ServiceAsGrantee",
     {{"GranteePrincipal", "s3.amazonaws.com"}},
     "ValidationException",
     "The principal s3.amazonaws.com is a service, for which only services can make grants."},
    {"BadRetiring", {{"RetiringPrincipal", "nobody"}}, "InvalidArnException", "Invalid principal nobody"},
    {"UserWithPath", {{"GranteePrincipal", "arn:aws:iam::111122223333:user/a/b/alice"}}, "", ""},
    {"FederatedUser", {{"GranteePrincipal", "arn:aws:sts::111122223333:federated-user/f"}}, "", ""},
    {"NinePairs",
     {{"Constraints", {{"EncryptionContextSubset", NinePairs()}}}},
     "ValidationException",
     "EncryptionContextSubset can have at most 8 pairs."},
    {"LongValue",
     {{"Constraints", {{"EncryptionContextEquals", {{"a", std::string(385, 'x')}}}}}},
     "ValidationException",
     "The values of EncryptionContextEquals can have at most 384 characters."},
    {"LongestValue", {{"Constraints", {{"EncryptionContextEquals", {{"a", std::string(384, 'x')}}}}}}, "", ""},
    {"LongKey",
     {{"Constraints", {{"EncryptionContextEquals", {{std::string(9000, 'x'), "a"}}}}}},
     "ValidationException",
     "The encryption context is longer than 8192 bytes in its canonical form."},
    {"DryRun",
     {{"DryRun", true}},
     "DryRunOperationException",
     "The request would have succeeded, but the DryRun option is set."},
    {"NonsenseToken", {{"GrantTokens", {"nonsense"}}}, "InvalidGrantTokenException", "The grant token is not valid."},
    {"UnknownKey",
     {{"KeyId", "134f2428-cec1-4b25-a1ae-9048164dba47"}},
     "NotFoundException",
     "Key '" + KeyArn("134f2428-cec1-4b25-a1ae-9048164dba47") + "' does not exist"},
    {"Alias", {{"KeyId", "alias/a"}}, "NotFoundException", "Invalid keyId 'alias/a'"},
};
class CreateGrantTable : public ::testing::TestWithParam<CreateRow> {};
TEST_P(CreateGrantTable, AnswersAsTheRowSays) {
  FakeService service;
  const std::string key = service.NewKey();
  const Answer answer = service.Call("CreateGrant", GrantBody(key, kAliceArn, {"Encrypt"}, GetParam().more));
  std::string message = GetParam().message;
  if (const auto at = message.find(kKeyMark); at != std::string::npos && GetParam().name != "UnknownKey")
    message.replace(at, kKeyMark.size(), KeyArn(key));
  EXPECT_EQ(answer.type, GetParam().type) << answer.raw;
  EXPECT_EQ(answer.message, message);
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_grants"), answer.ok() ? 1 : 0);
  EXPECT_EQ(service.Count("SELECT grant_count FROM kms_keys"), answer.ok() ? 1 : 0);
}
INSTANTIATE_TEST_SUITE_P(Grants, CreateGrantTable, ::testing::ValuesIn(kCreateRows),
                         [](const auto& row) { return row.param.name; });

TEST(Grants, OfOneNameAndTheSameRequestAreOneGrantWithFreshTokens) {
  FakeService service;
  const std::string key = service.NewKey();
  const json::object named = GrantBody(key, kAliceArn, {"Encrypt", "Decrypt"}, {{"Name", "n"}});
  const Answer first = service.Call("CreateGrant", named);
  // The order of the operations is no difference.
  const Answer second = service.Call("CreateGrant", GrantBody(key, kAliceArn, {"Decrypt", "Encrypt"}, {{"Name", "n"}}));
  EXPECT_EQ(first.Text("GrantId"), second.Text("GrantId"));
  EXPECT_NE(first.Text("GrantToken"), second.Text("GrantToken"));
  for (const json::object& other :
       {GrantBody(key, kBobArn, {"Encrypt", "Decrypt"}, {{"Name", "n"}}),
        GrantBody(key, kAliceArn, {"Encrypt"}, {{"Name", "n"}}),
        GrantBody(key, kAliceArn, {"Encrypt", "Decrypt"}, {{"Name", "n"}, {"RetiringPrincipal", kBobArn}}),
        GrantBody(key, kAliceArn, {"Encrypt", "Decrypt"},
                  {{"Name", "n"}, {"Constraints", {{"EncryptionContextSubset", {{"a", "1"}}}}}}),
        GrantBody(key, kAliceArn, {"Encrypt", "Decrypt"}), GrantBody(key, kAliceArn, {"Encrypt", "Decrypt"})}) {
    const Answer made = service.Call("CreateGrant", other);
    EXPECT_TRUE(made.ok()) << made.raw;
    EXPECT_NE(made.Text("GrantId"), first.Text("GrantId"));
  }
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_grants"), 7);
  EXPECT_EQ(service.Count("SELECT grant_count FROM kms_keys"), 7);
}

TEST(Grants, StopAtTheQuota) {
  FakeService service({.grants_per_key = 2});
  const std::string key = service.NewKey();
  EXPECT_TRUE(service.Call("CreateGrant", GrantBody(key, kAliceArn, {"Encrypt"}, {{"Name", "n"}})).ok());
  EXPECT_TRUE(service.Call("CreateGrant", GrantBody(key, kAliceArn, {"Encrypt"})).ok());
  const Answer third = service.Call("CreateGrant", GrantBody(key, kAliceArn, {"Encrypt"}));
  EXPECT_EQ(third.type + " " + third.message,
            "LimitExceededException " + KeyArn(key) + " has reached its quota of 2 grants.");
  // What makes nothing new is no more.
  EXPECT_TRUE(service.Call("CreateGrant", GrantBody(key, kAliceArn, {"Encrypt"}, {{"Name", "n"}})).ok());
  EXPECT_EQ(service.Count("SELECT grant_count FROM kms_keys"), 2);
}

TEST(GrantTokens, AreTakenForTheirKeyIgnoredForOthersAndRefusedWhenGone) {
  FakeService service;
  const std::string key = service.NewKey(), other = service.NewKey();
  const Answer made = service.Call("CreateGrant", GrantBody(key, kAliceArn, {"Encrypt"}));
  const std::string token = made.Text("GrantToken");
  const auto encrypt = [&](const std::string& which, std::string_view with, std::string_view caller) {
    json::object body = EncryptBody(which);
    body["GrantTokens"] = json::array{with};
    return Outcome(service.Call("Encrypt", body, caller));
  };
  EXPECT_EQ(encrypt(key, token, kAlice), "ok");
  EXPECT_EQ(encrypt(key, token, kBob), "AccessDeniedException");  // a token gives nothing by itself
  EXPECT_EQ(encrypt(other, token, kAccount), "ok");
  EXPECT_EQ(encrypt(other, token, kAlice), "AccessDeniedException");
  for (const std::string& bad :
       {std::string("x"), token + "A", token.substr(1), "B" + token.substr(1), std::string(8192, 'A')})
    EXPECT_EQ(encrypt(key, bad, kAccount), "InvalidGrantTokenException") << bad.size();
  ASSERT_TRUE(service.Call("RevokeGrant", {{"KeyId", key}, {"GrantId", made.Text("GrantId")}}).ok());
  EXPECT_EQ(encrypt(key, token, kAccount), "InvalidGrantTokenException");
  EXPECT_EQ(encrypt(key, token, kAlice), "AccessDeniedException");
  // Where grants have no say, GrantTokens is an unknown member.
  EXPECT_EQ(Outcome(service.Call("ListResourceTags", {{"KeyId", key}, {"GrantTokens", json::array{"x"}}})), "ok");
}

/// The answer to a request that has this grant token.
Answer WithToken(FakeService& service, std::string_view operation, json::object body, std::string_view caller,
                 const std::string& token) {
  body["GrantTokens"] = json::array{token};
  return service.Call(operation, body, caller);
}

TEST(GrantTokens, TellNobodyWhetherThereIsAKey) {
  FakeService service;
  const std::string key = service.NewKey(),
                    pair = service.NewKey({{"KeySpec", "RSA_2048"}, {"KeyUsage", "SIGN_VERIFY"}});
  ASSERT_TRUE(service.Call("CreateAlias", {{"AliasName", "alias/a"}, {"TargetKeyId", key}}).ok());
  const std::string alias = "arn:aws:kms:eu-central-1:111122223333:alias/a";
  const Bytes blob = service.Encrypted(key, "hi");
  const std::string gone_token =
      service.Call("CreateGrant", GrantBody(key, kBobArn, {"Encrypt"}, {{"Name", "n"}})).Text("GrantToken");
  ASSERT_TRUE(service.Call("RetireGrant", {{"GrantToken", gone_token}}).ok());
  const std::pair<std::string_view, json::object> requests[] = {
      {"DescribeKey", {{"KeyId", KeyArn(key)}}},
      {"DescribeKey", {{"KeyId", alias}}},
      {"Encrypt", EncryptBody(KeyArn(key))},
      {"Encrypt", EncryptBody(alias)},
      {"Decrypt", {{"CiphertextBlob", Base64(blob)}}},
      {"Decrypt", {{"CiphertextBlob", Base64(blob)}, {"KeyId", KeyArn(pair)}}},
      {"Decrypt", {{"KeyId", alias}, {"DryRun", true}, {"DryRunModifiers", {"IGNORE_CIPHERTEXT"}}}},
      {"ReEncrypt", {{"CiphertextBlob", Base64(blob)}, {"DestinationKeyId", KeyArn(key)}}},
      {"GetPublicKey", {{"KeyId", KeyArn(pair)}}},
      {"Sign", {{"KeyId", KeyArn(pair)}, {"Message", "eA=="}, {"SigningAlgorithm", "RSASSA_PSS_SHA_256"}}},
      {"CreateGrant", GrantBody(KeyArn(key), kBobArn, {"Encrypt"})},
  };
  for (const std::string_view caller : {kForeigner, std::string_view("444455556666"), kAlice}) {
    for (const auto& [operation, body] : requests) {
      const Answer plain = service.Call(operation, body, caller);
      EXPECT_EQ(plain.type, "AccessDeniedException") << caller << " " << operation;
      for (const std::string& token : {std::string("x"), gone_token})
        EXPECT_EQ(WithToken(service, operation, body, caller, token).raw, plain.raw) << caller << " " << operation;
    }
  }
}

TEST(GrantTokens, AreJudgedAfterTheKeysStateAndUsage) {
  FakeService service;
  const std::string key = service.NewKey(),
                    mac = service.NewKey({{"KeySpec", "HMAC_256"}, {"KeyUsage", "GENERATE_VERIFY_MAC"}});
  EXPECT_EQ(WithToken(service, "Encrypt", EncryptBody(mac), kAccount, "x").type, "InvalidKeyUsageException");
  ASSERT_TRUE(service.Call("DisableKey", {{"KeyId", key}}).ok());
  EXPECT_EQ(WithToken(service, "Encrypt", EncryptBody(key), kAccount, "x").type, "DisabledException");
  EXPECT_EQ(WithToken(service, "DescribeKey", {{"KeyId", key}}, kAccount, "x").type, "InvalidGrantTokenException");
  // For who is allowed by nothing but a grant, too.
  ASSERT_TRUE(service.Call("EnableKey", {{"KeyId", key}}).ok());
  ASSERT_TRUE(service.Call("CreateGrant", GrantBody(key, kAliceArn, {"Encrypt"})).ok());
  EXPECT_EQ(WithToken(service, "Encrypt", EncryptBody(key), kAlice, "x").type, "InvalidGrantTokenException");
}

TEST(GrantTokens, MakeAGrantKnownThatThisFrontEndHasNotHeardOf) {
  FakeService service;
  const std::string key = service.NewKey();
  const Answer made = service.Call("CreateGrant", GrantBody(key, kAliceArn, {"Encrypt"}));
  // As this front end knows it while another one makes the grant: no grants.
  service.Sql("UPDATE kms_keys SET grant_count = 0");
  ASSERT_EQ(Outcome(service.Call("Encrypt", EncryptBody(key), kAlice)), "AccessDeniedException");
  json::object body = EncryptBody(key);
  body["GrantTokens"] = json::array{made.Text("GrantToken")};
  EXPECT_EQ(Outcome(service.Call("Encrypt", body, kAlice)), "ok");
}

TEST(Grants, ThatAllowCreateGrantPassOnNoMoreThanTheyHave) {
  FakeService service;
  const std::string key = service.NewKey();
  ASSERT_TRUE(service
                  .Call("CreateGrant", GrantBody(key, kAliceArn, {"CreateGrant", "Encrypt", "Decrypt"},
                                                 {{"Constraints", {{"EncryptionContextSubset", {{"a", "1"}}}}}}))
                  .ok());
  const auto pass_on = [&](json::array operations, json::object constraints) {
    json::object more;
    if (!constraints.empty()) more["Constraints"] = std::move(constraints);
    return Outcome(
        service.Call("CreateGrant", GrantBody(key, kBobArn, std::move(operations), std::move(more)), kAlice));
  };
  EXPECT_EQ(pass_on({"Encrypt"}, {{"EncryptionContextSubset", {{"a", "1"}, {"b", "2"}}}}), "ok");
  EXPECT_EQ(pass_on({"Encrypt"}, {{"EncryptionContextEquals", {{"a", "1"}}}}), "ok");
  EXPECT_EQ(pass_on({"Encrypt", "GenerateDataKey"}, {{"EncryptionContextEquals", {{"a", "1"}}}}),
            "AccessDeniedException");
  EXPECT_EQ(pass_on({"Encrypt"}, {}), "AccessDeniedException");
  EXPECT_EQ(pass_on({"Encrypt"}, {{"EncryptionContextSubset", {{"b", "2"}}}}), "AccessDeniedException");
  EXPECT_EQ(Outcome(service.Call("Encrypt", EncryptBody(key, {{"a", "1"}, {"b", "2"}}), kBob)), "ok");
  EXPECT_EQ(Outcome(service.Call("Encrypt", EncryptBody(key, {{"b", "2"}}), kBob)), "AccessDeniedException");
}

}  // namespace
}  // namespace strongroom::kms::testing
