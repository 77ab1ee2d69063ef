// How grants are listed and how they end: retired, revoked, or with their key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "kms/keys/deletion.h"
#include "kms/testing/grant_calls.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;

struct RetireRow {
  std::string name, caller;
  bool allowed;
};
const RetireRow kRetireRows[] = {
    {"RetiringPrincipal", "111122223333.bob", true}, {"Grantee", "111122223333.alice", true},
    {"IssuingAccount", "111122223333", true},        {"AnotherUser", "111122223333.carol", false},
    {"AnotherAccount", "444455556666", false},
};
class RetireTable : public ::testing::TestWithParam<RetireRow> {};
TEST_P(RetireTable, MayOrMayNot) {
  FakeService service;
  const std::string key = service.NewKey();
  for (const bool by_token : {false, true}) {
    const Answer made = service.Call(
        "CreateGrant", GrantBody(key, kAliceArn, {"Encrypt", "RetireGrant"}, {{"RetiringPrincipal", kBobArn}}));
    json::object body{{"KeyId", KeyArn(key)}, {"GrantId", made.Text("GrantId")}};
    if (by_token) body = {{"GrantToken", made.Text("GrantToken")}};
    json::object dry = body;
    dry["DryRun"] = true;
    const std::string wanted = GetParam().allowed ? "ok" : "AccessDeniedException";
    EXPECT_EQ(Outcome(service.Call("RetireGrant", dry, GetParam().caller)),
              GetParam().allowed ? "DryRunOperationException" : wanted);
    EXPECT_EQ(Outcome(service.Call("RetireGrant", body, GetParam().caller)), wanted);
    EXPECT_EQ(Outcome(service.Call("RetireGrant", body)), GetParam().allowed ? "NotFoundException" : "ok");
  }
}
INSTANTIATE_TEST_SUITE_P(Grants, RetireTable, ::testing::ValuesIn(kRetireRows),
                         [](const auto& row) { return row.param.name; });

TEST(RetireGrant, IsForTheGranteeOnlyWhereTheGrantSaysSoAndDeniedByPolicy) {
  FakeService service;
  const std::string key = service.NewKey();
  const std::string grant = service.Call("CreateGrant", GrantBody(key, kAliceArn, {"Encrypt"})).Text("GrantId");
  const json::object body{{"KeyId", key}, {"GrantId", grant}};
  EXPECT_EQ(Outcome(service.Call("RetireGrant", body, kAlice)), "AccessDeniedException");
  const std::string deny =
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*",)"
      R"("Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"kms:RetireGrant","Resource":"*"}]})";
  ASSERT_TRUE(service.Call("PutKeyPolicy", {{"KeyId", key}, {"Policy", deny}}).ok());
  EXPECT_EQ(Outcome(service.Call("RetireGrant", body)), "AccessDeniedException");
}

const json::object kBadRetire[] = {
    {},
    {{"KeyId", "KEY"}},
    {{"GrantId", std::string(64, 'a')}},
    {{"GrantToken", "TOKEN"}, {"KeyId", "KEY"}, {"GrantId", std::string(64, 'a')}},
};
TEST(RetireGrant, WantsATokenOrKeyAndId) {
  FakeService service;
  for (const json::object& body : kBadRetire) {
    const Answer answer = service.Call("RetireGrant", body);
    EXPECT_EQ(answer.type + " " + answer.message,
              "ValidationException Specify either GrantToken, or both KeyId and GrantId.");
  }
  const std::string key = service.NewKey();
  EXPECT_EQ(Outcome(service.Call("RetireGrant", {{"KeyId", key}, {"GrantId", "short"}})), "InvalidGrantIdException");
  EXPECT_EQ(Outcome(service.Call("RevokeGrant", {{"KeyId", key}, {"GrantId", "short"}})), "InvalidGrantIdException");
  EXPECT_EQ(Outcome(service.Call("ListGrants", {{"KeyId", key}, {"GrantId", "short"}})), "InvalidGrantIdException");
  EXPECT_EQ(Outcome(service.Call("RetireGrant", {{"GrantToken", "nonsense"}})), "InvalidGrantTokenException");
}

TEST(RetireGrant, TellsNobodyWhetherThereIsAKey) {
  FakeService service;
  const std::string key = service.NewKey(), missing = "134f2428-cec1-4b25-a1ae-9048164dba47";
  const auto retire = [&](const std::string& of, const std::string& grant, std::string_view caller) {
    std::string raw = service.Call("RetireGrant", {{"KeyId", KeyArn(of)}, {"GrantId", grant}}, caller).raw;
    if (const auto at = raw.find(of); at != std::string::npos) raw.replace(at, of.size(), "KEY");
    return raw;
  };
  const std::string known = service.Call("CreateGrant", GrantBody(key, kBobArn, {"Encrypt"})).Text("GrantId");
  for (const std::string_view caller :
       {kAlice, std::string_view("444455556666"), std::string_view("444455556666.eve")}) {
    EXPECT_THAT(retire(missing, "short", caller), ::testing::HasSubstr("InvalidGrantIdException"));
    EXPECT_THAT(retire(missing, known, caller), ::testing::HasSubstr("AccessDeniedException"));
    for (const std::string& grant : {std::string("short"), std::string(64, 'a'), known})
      EXPECT_EQ(retire(key, grant, caller), retire(missing, grant, caller)) << caller;
  }
  // For those who may retire what there is, there is not this one.
  const Answer answer = service.Call("RetireGrant", {{"KeyId", key}, {"GrantId", std::string(64, 'a')}});
  EXPECT_EQ(answer.type + " " + answer.message, "NotFoundException Grant ID " + std::string(64, 'a') + " not found");
}

TEST(ListGrants, ShowsWhatWasAskedForInPagesAndByFilter) {
  FakeService service;
  const std::string key = service.NewKey();
  const Answer first = service.Call(
      "CreateGrant",
      GrantBody(
          key, kAliceArn, {"Encrypt", "Decrypt"},
          {{"Name", "n"},
           {"RetiringPrincipal", kBobArn},
           {"Constraints", {{"EncryptionContextSubset", {{"a", "1"}}}, {"EncryptionContextEquals", {{"a", "1"}}}}}}));
  std::vector<std::string> ids{first.Text("GrantId")};
  for (int i = 0; i < 4; ++i)
    ids.push_back(service.Call("CreateGrant", GrantBody(key, kBobArn, {"DescribeKey"})).Text("GrantId"));
  const Answer all = service.Call("ListGrants", {{"KeyId", key}, {"GrantId", ids[0]}});
  ASSERT_TRUE(all.ok()) << all.raw;
  json::object shown = all.body.at("Grants").at(0).as_object();
  EXPECT_TRUE(shown["CreationDate"].is_number());
  shown.erase("CreationDate");
  const json::value want = {
      {"KeyId", KeyArn(key)},
      {"GrantId", ids[0]},
      {"Name", "n"},
      {"GranteePrincipal", kAliceArn},
      {"RetiringPrincipal", kBobArn},
      {"IssuingAccount", "arn:aws:iam::111122223333:root"},
      {"Operations", {"Encrypt", "Decrypt"}},
      {"Constraints", {{"EncryptionContextSubset", {{"a", "1"}}}, {"EncryptionContextEquals", {{"a", "1"}}}}}};
  EXPECT_EQ(json::value(shown), want);
  EXPECT_EQ(all.Text("Truncated"), "false");

  std::vector<std::string> paged;
  json::object body{{"KeyId", key}, {"Limit", 2}};
  for (int page = 0; page < 3; ++page) {
    const Answer answer = service.Call("ListGrants", body);
    ASSERT_TRUE(answer.ok()) << answer.raw;
    for (const json::value& one : answer.body.at("Grants").as_array())
      paged.emplace_back(one.at("GrantId").as_string().c_str());
    EXPECT_EQ(answer.Text("Truncated"), page < 2 ? "true" : "false");
    body["Marker"] = answer.Text("NextMarker");
    if (page == 0) {
      EXPECT_EQ(
          Outcome(service.Call("ListGrants",
                               {{"KeyId", key}, {"GranteePrincipal", kBobArn}, {"Marker", answer.Text("NextMarker")}})),
          "InvalidMarkerException");
    }
  }
  std::ranges::sort(ids);
  std::ranges::sort(paged);
  EXPECT_EQ(paged, ids);
  const Answer of_bob = service.Call("ListGrants", {{"KeyId", key}, {"GranteePrincipal", kBobArn}});
  EXPECT_EQ(of_bob.body.at("Grants").as_array().size(), 4u);
  EXPECT_EQ(of_bob.Text("Grants.0.Name"), "");
  EXPECT_FALSE(of_bob.body.at("Grants").at(0).as_object().contains("Constraints"));
  EXPECT_EQ(service.Call("ListGrants", {{"KeyId", key}, {"GrantId", std::string(64, '0')}}).Text("Grants"), "[]");

  const Answer retirable = service.Call("ListRetirableGrants", {{"RetiringPrincipal", kBobArn}});
  EXPECT_EQ(retirable.body.at("Grants").as_array().size(), 1u);
  EXPECT_EQ(retirable.Text("Grants.0.GrantId"), first.Text("GrantId"));
  EXPECT_EQ(Outcome(service.Call("ListRetirableGrants", {{"RetiringPrincipal", kBobArn}}, kOtherAccount)),
            "AccessDeniedException");
  EXPECT_EQ(Outcome(service.Call("ListRetirableGrants", {{"RetiringPrincipal", "x"}})), "InvalidArnException");
}

TEST(Grants, GoWithTheirKey) {
  FakeService service;
  const std::string key = service.NewKey();
  ASSERT_TRUE(service.Call("CreateGrant", GrantBody(key, kAliceArn, {"Encrypt"})).ok());
  ASSERT_TRUE(service.Call("ScheduleKeyDeletion", {{"KeyId", key}}).ok());
  ASSERT_TRUE(service.Call("CancelKeyDeletion", {{"KeyId", key}}).ok());
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_grants"), 1);
  ASSERT_TRUE(service.Call("ScheduleKeyDeletion", {{"KeyId", key}}).ok());
  service.Sql("UPDATE kms_keys SET deletion_at = 1");
  service.RunTask(DeleteDueKeys(service.kms()));
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_keys"), 0);
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_grants"), 0);
}

}  // namespace
}  // namespace strongroom::kms::testing
