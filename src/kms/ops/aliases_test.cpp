#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>

#include "kms/testing/fake_service.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;

const std::string kPrefix = "arn:aws:kms:eu-central-1:111122223333:";

struct Row {
  std::string name, operation, alias, target, type, message;  // target "KEY": an enabled key's id
};
const std::string kBadPrefix =
    "Alias must start with the prefix \"alias/\". Please see "
    "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html";
const Row kRows[] = {
    {"Create", "CreateAlias", "alias/new", "KEY", "", ""},
    {"CreateDeep", "CreateAlias", "alias/a/b_c-1", "KEY", "", ""},
    {"CreateExisting", "CreateAlias", "alias/old", "KEY", "AlreadyExistsException",
     "An alias with the name " + kPrefix + "alias/old already exists"},
    {"CaseCounts", "CreateAlias", "alias/OLD", "KEY", "", ""},
    {"NoPrefix", "CreateAlias", "new", "KEY", "ValidationException", kBadPrefix},
    {"OnlyPrefix", "CreateAlias", "alias/", "KEY", "ValidationException", kBadPrefix},
    {"Colon", "CreateAlias", "alias/a:b", "KEY", "ValidationException",
     "alias/a:b contains invalid characters for an alias"},
    {"Reserved", "CreateAlias", "alias/aws/s3", "KEY", "NotAuthorizedException", ""},
    {"AliasAsTarget", "CreateAlias", "alias/new", "alias/old", "ValidationException",
     "Aliases must refer to keys. Not aliases"},
    {"AliasArnAsTarget", "CreateAlias", "alias/new", kPrefix + "alias/old", "ValidationException",
     "Aliases must refer to keys. Not aliases"},
    {"BadTarget", "CreateAlias", "alias/new", "nonsense", "NotFoundException", "Invalid keyId 'nonsense'"},
    {"Update", "UpdateAlias", "alias/old", "KEY", "", ""},
    {"UpdateUnknown", "UpdateAlias", "alias/new", "KEY", "NotFoundException",
     "Alias " + kPrefix + "alias/new is not found."},
    {"UpdateReserved", "UpdateAlias", "alias/aws/s3", "KEY", "NotAuthorizedException", ""},
    {"DeleteUnknown", "DeleteAlias", "alias/new", "", "NotFoundException",
     "Alias " + kPrefix + "alias/new is not found."},
    {"Delete", "DeleteAlias", "alias/old", "", "", ""},
};
class AliasTable : public ::testing::TestWithParam<Row> {};
TEST_P(AliasTable, AnswersAsTheRowSays) {
  FakeService service;
  const std::string key = service.NewKey(), old = service.NewKey();
  ASSERT_TRUE(service.Call("CreateAlias", {{"AliasName", "alias/old"}, {"TargetKeyId", old}}).ok());
  json::object body{{"AliasName", GetParam().alias}};
  if (!GetParam().target.empty()) body["TargetKeyId"] = GetParam().target == "KEY" ? key : GetParam().target;
  const Answer answer = service.Call(GetParam().operation, body);
  EXPECT_EQ(answer.type, GetParam().type) << answer.raw;
  EXPECT_EQ(answer.message, GetParam().message);
  EXPECT_EQ(answer.has_message, !GetParam().message.empty());
  if (answer.ok()) {
    EXPECT_EQ(answer.raw, "");
  }
}
INSTANTIATE_TEST_SUITE_P(Aliases, AliasTable, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST(Aliases, ChangeAtOnceWhatTheyName) {
  FakeService service;
  const std::string one = service.NewKey(), two = service.NewKey();
  service.Call("CreateAlias", {{"AliasName", "alias/a"}, {"TargetKeyId", one}});
  const auto named = [&] { return service.Call("DescribeKey", {{"KeyId", "alias/a"}}).Text("KeyMetadata.KeyId"); };
  EXPECT_EQ(named(), one);
  service.Call("UpdateAlias", {{"AliasName", "alias/a"}, {"TargetKeyId", kPrefix + "key/" + two}});
  EXPECT_EQ(named(), two);
  service.Call("DeleteAlias", {{"AliasName", "alias/a"}});
  EXPECT_EQ(named(), "");
  EXPECT_TRUE(service.Call("DescribeKey", {{"KeyId", two}}).ok());
}

TEST(Aliases, StopAtTheQuotaOfTheirKey) {
  FakeService service({.aliases_per_key = 2});
  const std::string key = service.NewKey(), other = service.NewKey();
  for (const char* name : {"alias/1", "alias/2"})
    EXPECT_TRUE(service.Call("CreateAlias", {{"AliasName", name}, {"TargetKeyId", key}}).ok());
  EXPECT_EQ(service.Call("CreateAlias", {{"AliasName", "alias/3"}, {"TargetKeyId", key}}).message,
            kPrefix + "key/" + key + " has reached its quota of 2 aliases.");
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_aliases"), 2);
  EXPECT_EQ(service.Call("CreateAlias", {{"AliasName", "alias/2"}, {"TargetKeyId", key}}).type,
            "AlreadyExistsException");
  service.Call("CreateAlias", {{"AliasName", "alias/3"}, {"TargetKeyId", other}});
  EXPECT_EQ(service.Call("UpdateAlias", {{"AliasName", "alias/3"}, {"TargetKeyId", key}}).type,
            "LimitExceededException");
  EXPECT_TRUE(service.Call("UpdateAlias", {{"AliasName", "alias/2"}, {"TargetKeyId", key}}).ok());
}

TEST(Aliases, StayWithKeysOfOneTypeAndUsage) {
  FakeService service;
  const std::string symmetric = service.NewKey(),
                    rsa = service.NewKey({{"KeySpec", "RSA_2048"}, {"KeyUsage", "ENCRYPT_DECRYPT"}}),
                    signing = service.NewKey({{"KeySpec", "ECC_NIST_P256"}, {"KeyUsage", "SIGN_VERIFY"}}),
                    other_signing = service.NewKey({{"KeySpec", "ECC_NIST_P384"}, {"KeyUsage", "SIGN_VERIFY"}});
  const auto move = [&](const std::string& from, const std::string& to) {
    service.Call("DeleteAlias", {{"AliasName", "alias/a"}});
    EXPECT_TRUE(service.Call("CreateAlias", {{"AliasName", "alias/a"}, {"TargetKeyId", from}}).ok());
    return service.Call("UpdateAlias", {{"AliasName", "alias/a"}, {"TargetKeyId", to}}).type;
  };
  EXPECT_EQ(move(symmetric, rsa), "ValidationException");
  EXPECT_EQ(move(rsa, symmetric), "ValidationException");
  EXPECT_EQ(move(symmetric, signing), "ValidationException");
  EXPECT_EQ(move(signing, other_signing), "");
}

TEST(Aliases, NeverReachIntoAnotherAccount) {
  FakeService service;
  const std::string key = service.NewKey();
  const Answer answer =
      service.Call("CreateAlias", {{"AliasName", "alias/a"}, {"TargetKeyId", kPrefix + "key/" + key}}, kOtherAccount);
  EXPECT_EQ(answer.type, "AccessDeniedException");
}

// Lists ---------------------------------------------------------------------------------------------------------------

/// All pages of a list, and how many there were.
std::pair<std::vector<std::string>, int> Pages(FakeService& service, const std::string& operation, json::object body,
                                               const std::string& list, const std::string& member) {
  std::vector<std::string> all;
  for (int pages = 1;; ++pages) {
    const Answer page = service.Call(operation, body);
    if (!page.ok() || pages > 100) return {{page.raw}, -1};
    for (std::size_t i = 0; !page.Text(list + "." + std::to_string(i)).empty(); ++i)
      all.push_back(page.Text(list + "." + std::to_string(i) + "." + member));
    if (page.Text("Truncated") != "true") {
      EXPECT_EQ(page.Text("NextMarker"), "");
      return {all, pages};
    }
    body["Marker"] = page.Text("NextMarker");
  }
}

TEST(Lists, ArePagedInOrderWithoutGaps) {
  FakeService service;
  std::vector<std::string> keys, aliases;
  for (int i = 0; i < 5; ++i) {
    keys.push_back(service.NewKey());
    aliases.push_back("alias/" + std::to_string(i));
    service.Call("CreateAlias", {{"AliasName", aliases.back()}, {"TargetKeyId", keys[0]}});
  }
  std::ranges::sort(keys);
  using Want = std::pair<std::vector<std::string>, int>;
  EXPECT_EQ(Pages(service, "ListKeys", {{"Limit", 2}}, "Keys", "KeyId"), Want(keys, 3));
  EXPECT_EQ(Pages(service, "ListKeys", {{"Limit", 5}}, "Keys", "KeyId"), Want(keys, 1));
  EXPECT_EQ(Pages(service, "ListKeys", {}, "Keys", "KeyId"), Want(keys, 1));
  EXPECT_EQ(Pages(service, "ListAliases", {{"Limit", 1}}, "Aliases", "AliasName"), Want(aliases, 5));
  const Answer none = service.Call("ListKeys", json::object{}, kOtherAccount);
  EXPECT_EQ(none.raw, R"({"Keys":[],"Truncated":false})");
}

TEST(Lists, GoOnWhereTheyStoodWhenEntriesComeAndGo) {
  FakeService service;
  const std::string key = service.NewKey();
  for (const char* name : {"alias/b", "alias/d", "alias/f"})
    service.Call("CreateAlias", {{"AliasName", name}, {"TargetKeyId", key}});
  const Answer first = service.Call("ListAliases", {{"Limit", 2}});
  EXPECT_EQ(first.Text("Aliases.1.AliasName"), "alias/d");
  service.Call("DeleteAlias", {{"AliasName", "alias/d"}});
  for (const char* name : {"alias/a", "alias/e"})
    service.Call("CreateAlias", {{"AliasName", name}, {"TargetKeyId", key}});
  const Answer rest = service.Call("ListAliases", {{"Limit", 10}, {"Marker", first.Text("NextMarker")}});
  EXPECT_EQ(rest.Text("Aliases.0.AliasName"), "alias/e");
  EXPECT_EQ(rest.Text("Aliases.1.AliasName"), "alias/f");
  EXPECT_EQ(rest.Text("Aliases.2"), "");
}

TEST(Lists, RefuseMarkersOfAnotherList) {
  FakeService service;
  const std::string key = service.NewKey(), other = service.NewKey();
  for (const char* name : {"alias/1", "alias/2"})
    service.Call("CreateAlias", {{"AliasName", name}, {"TargetKeyId", key}});
  const std::string marker = service.Call("ListAliases", {{"KeyId", key}, {"Limit", 1}}).Text("NextMarker");
  ASSERT_NE(marker, "");
  std::string bent = marker;
  bent[5] = bent[5] == 'A' ? 'B' : 'A';
  EXPECT_TRUE(service.Call("ListAliases", {{"KeyId", key}, {"Marker", marker}}).ok());
  const auto refused = [&](const char* operation, json::object body, const std::string& text,
                           std::string_view account = kAccount, std::string_view region = kRegion) {
    body["Marker"] = text;
    const Answer answer = service.Call(operation, body, account, region);
    EXPECT_EQ(answer.type, "InvalidMarkerException") << answer.raw;
    EXPECT_EQ(answer.message, "Invalid marker " + text);
  };
  refused("ListAliases", {{"KeyId", key}}, bent);
  refused("ListAliases", {{"KeyId", key}}, "made up");
  refused("ListAliases", {{"KeyId", other}}, marker);
  refused("ListAliases", {}, marker);
  refused("ListKeys", {}, marker);
  refused("ListAliases", {}, marker, kOtherAccount);
  refused("ListAliases", {}, marker, kAccount, kOtherRegion);
}

struct LimitRow {
  std::string name, operation;
  int limit;
  std::string type;
};
const LimitRow kLimits[] = {{"Zero", "ListKeys", 0, "ValidationException"},
                            {"Most", "ListKeys", 1000, ""},
                            {"TooMany", "ListKeys", 1001, "ValidationException"},
                            {"AboveItsOwnMaximum", "ListAliases", 1000, ""}};
class LimitTable : public ::testing::TestWithParam<LimitRow> {};
TEST_P(LimitTable, AnswersAsTheRowSays) {
  FakeService service;
  EXPECT_EQ(service.Call(GetParam().operation, {{"Limit", GetParam().limit}}).type, GetParam().type);
}
INSTANTIATE_TEST_SUITE_P(Lists, LimitTable, ::testing::ValuesIn(kLimits),
                         [](const auto& row) { return row.param.name; });

TEST(Lists, OfAliasesOfAKeyKnowTheKey) {
  FakeService service;
  EXPECT_EQ(service.Call("ListAliases", {{"KeyId", "134f2428-cec1-4b25-a1ae-9048164dba47"}}).message,
            "Key '" + kPrefix + "key/134f2428-cec1-4b25-a1ae-9048164dba47' does not exist");
  EXPECT_EQ(service.Call("ListAliases", {{"KeyId", "alias/a"}}).message, "Invalid keyId 'alias/a'");
}

/// As another front end does it, before the news of it comes.
Task<void> MoveAliasElsewhere(Kms& kms, std::string key_id) {
  auto move = [key_id](store::Transaction& t) -> Status {
    SR_CHECK(t.Execute("UPDATE kms_aliases SET key_id = $1", {store::Text(key_id)}));
    return {};
  };
  const auto moved = co_await kms.database().Run(std::move(move));
  EXPECT_TRUE(moved.ok());
}

TEST(Aliases, AreChangedByPermissionForTheKeyThatTheyReallyName) {
  FakeService service;
  const auto policy = [](const std::string& more) {
    return R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},)"
           R"("Action":"kms:*","Resource":"*"})" +
           more + "]}";
  };
  const std::string alice =
      R"(,{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"},"Action":"kms:*","Resource":"*"})";
  const std::string hers = service.NewKey({{"Policy", policy(alice)}}),
                    other = service.NewKey({{"Policy", policy("")}});
  service.credentials().Attach(
      "111122223333.alice",
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*Alias","Resource":"arn:aws:kms:*:*:alias/a"}]})");
  for (const char* const operation : {"DeleteAlias", "UpdateAlias"}) {
    SCOPED_TRACE(operation);
    service.Call("CreateAlias", {{"AliasName", "alias/a"}, {"TargetKeyId", hers}});
    service.Call("UpdateAlias", {{"AliasName", "alias/a"}, {"TargetKeyId", hers}});
    const auto named = [&] { return service.Call("DescribeKey", {{"KeyId", "alias/a"}}).Text("KeyMetadata.KeyId"); };
    ASSERT_EQ(named(), hers);
    service.RunTask(MoveAliasElsewhere(service.kms(), other));
    ASSERT_EQ(named(), hers) << "as far as is known here";
    json::object body{{"AliasName", "alias/a"}};
    if (operation == std::string_view("UpdateAlias")) body["TargetKeyId"] = hers;
    EXPECT_EQ(service.Call(operation, body, "111122223333.alice").type, "AccessDeniedException");
    EXPECT_EQ(named(), other);
    service.Call("UpdateAlias", {{"AliasName", "alias/a"}, {"TargetKeyId", hers}});
    ASSERT_EQ(named(), hers);
    service.RunTask(MoveAliasElsewhere(service.kms(), other));
    EXPECT_TRUE(service.Call(operation, body).ok()) << "who may change both is asked nothing";
    EXPECT_EQ(named(), operation == std::string_view("UpdateAlias") ? hers : "");
  }
}

}  // namespace
}  // namespace strongroom::kms::testing
