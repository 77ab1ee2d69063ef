// Proxies as an operator makes and changes them.
#include <gmock/gmock.h>

#include "xks_proxy/testing/proxy_fixture.h"

namespace strongroom::xks_proxy::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

TEST(XksAdmin, MakesAProxyAndShowsItsSecretOnce) {
  ProxyFixture f;
  const Answer made = f.Call("CreateXksProxy", ProxyFixture::CreateBody());
  ASSERT_EQ(made.status, 200u) << made.raw;
  EXPECT_THAT(made.Text("ProxyId"), MatchesRegex("xksp-[0-9a-f]{17}"));
  EXPECT_THAT(made.Text("AccessKeyId"), MatchesRegex("[A-Z2-7]{24}"));
  EXPECT_THAT(made.Text("RawSecretAccessKey"), MatchesRegex("[A-Za-z0-9/+]{48}"));
  json::object want = made.body.as_object();
  want.erase("RawSecretAccessKey");
  EXPECT_EQ(want, (json::object{{"ProxyId", made.Text("ProxyId")},
                                {"ClusterId", kClusterId},
                                {"ClusterRegion", kRegion},
                                {"UserName", kUser},
                                {"Enabled", true},
                                {"XksProxyUriPath", "/team-a/kms/xks/v1"},
                                {"SigningRegion", kSigningRegion},
                                {"AccessKeyId", made.Text("AccessKeyId")}}));
  const Answer listed = f.Call("ListXksProxies", {});
  EXPECT_EQ(listed.body, json::value({{"Proxies", json::array{want}}}));
  EXPECT_THAT(listed.raw + f.Log(), Not(HasSubstr(made.Text("RawSecretAccessKey"))));
  EXPECT_THAT(made.raw + listed.raw + f.Log(), Not(HasSubstr(std::string(kPassword))));
  EXPECT_EQ(f.Call("ListXksProxies", {}, kOtherAccount).body.at("Proxies").as_array().size(), 0u);
  EXPECT_EQ(f.Call("ListXksProxies", {}, kAccount, "us-east-1").body.at("Proxies").as_array().size(), 1u);
}

TEST(XksAdmin, NamesPathAndRegionItself) {
  ProxyFixture f;
  json::object body = ProxyFixture::CreateBody();
  body.erase("PathPrefix");
  body.erase("SigningRegion");
  const Answer made = f.Call("CreateXksProxy", body);
  ASSERT_EQ(made.status, 200u) << made.raw;
  EXPECT_EQ(made.Text("XksProxyUriPath"), "/" + made.Text("ProxyId") + "/kms/xks/v1");
  EXPECT_EQ(made.Text("SigningRegion"), kRegion);
}

struct Row {
  std::string name;
  std::function<void(ProxyFixture&, json::object&)> change;
  std::string error;
};
const Row kRows[] = {
    {"NoCluster", [](auto&, auto& b) { b.erase("ClusterId"); }, "ValidationException"},
    {"MalformedCluster", [](auto&, auto& b) { b["ClusterId"] = "cluster-1"; }, "ValidationException"},
    {"UnknownCluster", [](auto&, auto& b) { b["ClusterId"] = "cluster-kjihgfedcba"; }, "ClusterNotFoundException"},
    {"ClusterNotActive", [](auto& f, auto&) { f.directory.info->state = ports::ClusterState::kInitialized; },
     "ClusterNotActiveException"},
    {"NoUser", [](auto&, auto& b) { b.erase("UserName"); }, "ValidationException"},
    {"UnknownUser", [](auto&, auto& b) { b["UserName"] = "nobody"; }, "ValidationException"},
    {"NoPassword", [](auto&, auto& b) { b.erase("Password"); }, "ValidationException"},
    {"WrongPassword", [](auto&, auto& b) { b["Password"] = Base64(AsBytes("wrong")); }, "ValidationException"},
    {"PasswordNotBase64", [](auto&, auto& b) { b["Password"] = "xks-password"; }, "SerializationException"},
    {"PrefixWithoutSlash", [](auto&, auto& b) { b["PathPrefix"] = "a"; }, "ValidationException"},
    {"PrefixOfTheApi", [](auto&, auto& b) { b["PathPrefix"] = "/kms/xks/v1"; }, "ValidationException"},
    {"PrefixWithBlank", [](auto&, auto& b) { b["PathPrefix"] = "/a b"; }, "ValidationException"},
    {"NoPrefix", [](auto&, auto& b) { b["PathPrefix"] = ""; }, ""},
    {"MalformedRegion", [](auto&, auto& b) { b["SigningRegion"] = "US WEST"; }, "ValidationException"},
    {"PathTaken", [](auto& f, auto& b) { f.Call("CreateXksProxy", b); }, "AlreadyExistsException"},
    {"ClusterAway", [](auto& f, auto&) { f.directory.info->hsms[0].address = "127.254.254.254"; },
     "ServiceUnavailableException"},
    {"SealerAway", [](auto& f, auto&) { f.sealer.away = true; }, "ServiceUnavailableException"},
};
class XksCreate : public ::testing::TestWithParam<Row> {};
TEST_P(XksCreate, AnswersAsTheRowSays) {
  ProxyFixture f;
  json::object body = ProxyFixture::CreateBody();
  GetParam().change(f, body);
  const Answer answer = f.Call("CreateXksProxy", body);
  EXPECT_EQ(answer.error, GetParam().error) << answer.raw;
  EXPECT_THAT(answer.raw, Not(HasSubstr(std::string(kPassword))));
}
INSTANTIATE_TEST_SUITE_P(XksAdmin, XksCreate, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST(XksAdmin, BelongsToItsAccount) {
  ProxyFixture f;
  const std::string id = f.MakeProxy();
  EXPECT_EQ(f.Call("CreateXksProxy", ProxyFixture::CreateBody(), kOtherAccount).error, "ClusterNotFoundException");
  EXPECT_EQ(f.Call("DeleteXksProxy", {{"ProxyId", id}}, kOtherAccount).error, "NotFoundException");
  EXPECT_EQ(f.Call("DeleteXksProxy", {{"ProxyId", id}}, kAccount, "us-east-1").error, "NotFoundException");
  EXPECT_EQ(f.Call("RotateXksProxyCredential", {{"ProxyId", id}}, kOtherAccount).error, "NotFoundException");
  EXPECT_EQ(f.Call("CreateXksKey", {{"ProxyId", id}, {"KeyId", "k"}}, kOtherAccount).error, "NotFoundException");
  EXPECT_EQ(
      f.Call("SetXksProxyPassword", {{"ProxyId", id}, {"Password", Base64(AsBytes(kPassword))}}, kOtherAccount).error,
      "NotFoundException");
}

TEST(XksAdmin, KeepsTheCredentialBeforeForAWhile) {
  ProxyFixture f;
  const std::string id = f.MakeProxy();
  const Request before = f.Encrypt("x");
  ASSERT_EQ(f.Send(before).status, 200u);
  const Answer rotated = f.Call("RotateXksProxyCredential", {{"ProxyId", id}, {"PreviousValidSeconds", 3600}});
  ASSERT_EQ(rotated.status, 200u) << rotated.raw;
  EXPECT_NE(rotated.Text("AccessKeyId"), before.access_key_id);
  EXPECT_EQ(rotated.Text("PreviousAccessKeyId"), before.access_key_id);
  Request after = before;
  after.access_key_id = rotated.Text("AccessKeyId");
  after.secret = rotated.Text("RawSecretAccessKey");
  EXPECT_EQ(f.Send(after).status, 200u);
  EXPECT_EQ(f.Send(before).status, 200u);
  f.clock.now += std::chrono::seconds(3602);
  EXPECT_EQ(f.Send(before).error, "AuthenticationFailedException") << "its time is over";
  EXPECT_EQ(f.Send(after).status, 200u);
}

TEST(XksAdmin, EndsTheCredentialBeforeAtOnceWhenTold) {
  ProxyFixture f;
  const std::string id = f.MakeProxy();
  const Request before = f.Encrypt("x");
  const Answer rotated = f.Call("RotateXksProxyCredential", {{"ProxyId", id}, {"PreviousValidSeconds", 0}});
  EXPECT_EQ(rotated.Text("PreviousAccessKeyId"), "");
  EXPECT_EQ(f.Send(before).error, "AuthenticationFailedException");
}

TEST(XksAdmin, ReachesOnlyTheProxyOfTheCredential) {
  ProxyFixture f;
  f.MakeProxy();
  const Request first = f.Encrypt("x");
  json::object body = ProxyFixture::CreateBody();
  body["PathPrefix"] = "/team-b";
  const Answer second = f.Call("CreateXksProxy", body);
  ASSERT_EQ(second.status, 200u) << second.raw;
  Request crossed = first;
  crossed.access_key_id = second.Text("AccessKeyId");
  crossed.secret = second.Text("RawSecretAccessKey");
  EXPECT_EQ(f.Send(crossed).error, "InvalidUriPathException");
  crossed.target = "/team-b/kms/xks/v1/keys/key-1/encrypt";
  EXPECT_EQ(f.Send(crossed).status, 200u) << "the same crypto user's keys";
}

TEST(XksAdmin, DeletesAProxyAndLeavesTheKeys) {
  ProxyFixture f;
  const std::string id = f.MakeProxy();
  const Request request = f.Encrypt("x");
  ASSERT_EQ(f.Call("DeleteXksProxy", {{"ProxyId", id}}).status, 200u);
  EXPECT_EQ(f.Send(request).error, "AuthenticationFailedException");
  EXPECT_EQ(f.Call("DeleteXksProxy", {{"ProxyId", id}}).error, "NotFoundException");
  f.ChangeKeys([](auto& keys) { EXPECT_EQ(keys.size(), 1u); });
}

TEST(XksAdmin, MakesAKeyOfANameOnce) {
  ProxyFixture f;
  const std::string id = f.MakeProxy();
  EXPECT_EQ(f.Call("CreateXksKey", {{"ProxyId", id}, {"KeyId", "key-1"}}).error, "AlreadyExistsException");
  EXPECT_EQ(f.Call("CreateXksKey", {{"ProxyId", id}, {"KeyId", "a/b"}}).error, "ValidationException");
  EXPECT_EQ(f.Call("CreateXksKey", {{"ProxyId", id}, {"KeyId", std::string(128, 'k')}}).error, "ValidationException");
  EXPECT_EQ(f.Call("CreateXksKey", {{"ProxyId", "xksp-00000000000000000"}, {"KeyId", "k"}}).error, "NotFoundException");
  f.ChangeKeys([](auto& keys) {
    ASSERT_EQ(keys.size(), 1u);
    const proto::KeyInfo& key = keys.begin()->second.info;
    EXPECT_EQ(key.size_bits(), 256u);
    EXPECT_FALSE(key.extractable());
  });
}

TEST(XksAdmin, SwitchesAProxyOffUntilItIsToldAPassword) {
  ProxyFixture f;
  const std::string id = f.MakeProxy();
  const Request request = f.Encrypt("x");
  ASSERT_EQ(f.Send(request).status, 200u);
  ASSERT_EQ(f.Call("DisableXksProxy", {{"ProxyId", id}}).status, 200u);
  EXPECT_TRUE(f.Ends([&] { return f.hsm().connections() == 0; })) << "the crypto user is logged out";
  EXPECT_EQ(f.Send(request).error, "InvalidStateException");
  EXPECT_FALSE(f.Call("ListXksProxies", {}).body.at("Proxies").at(0).at("Enabled").as_bool());
  EXPECT_EQ(f.Call("CreateXksKey", {{"ProxyId", id}, {"KeyId", "k"}}).error, "InvalidStateException");
  EXPECT_EQ(f.Call("DisableXksProxy", {{"ProxyId", id}}, kOtherAccount).error, "NotFoundException");
  f.SetPassword(kUser, "another-password");
  const Answer told =
      f.Call("SetXksProxyPassword", {{"ProxyId", id}, {"Password", Base64(AsBytes("another-password"))}});
  ASSERT_EQ(told.status, 200u) << told.raw;
  EXPECT_EQ(f.Send(request).status, 200u);
}

TEST(XksAdmin, IsToldANewPassword) {
  ProxyFixture f;
  const std::string id = f.MakeProxy();
  const Request request = f.Encrypt("x");
  f.SetPassword(kUser, "another-password");
  const std::size_t logins = f.hsm().executed(wire::Command::kLogin);
  f.hsm().CutAll();
  // A request would not wait long for a busy machine to connect anew.
  EXPECT_TRUE(f.Ends([&] { return f.hsm().executed(wire::Command::kLogin) > logins; }));
  EXPECT_EQ(f.Send(request).error, "AccessDeniedException");
  EXPECT_EQ(f.Call("SetXksProxyPassword", {{"ProxyId", id}, {"Password", Base64(AsBytes("wrong-password"))}}).error,
            "ValidationException");
  const Answer told =
      f.Call("SetXksProxyPassword", {{"ProxyId", id}, {"Password", Base64(AsBytes("another-password"))}});
  ASSERT_EQ(told.status, 200u) << told.raw;
  EXPECT_EQ(f.Send(request).status, 200u);
}

Task<Status> SwapPasswords(store::Database& database) {
  auto swap = [](store::Transaction& t) -> Status {
    SR_TRY(auto rows, ListProxies(t, ""));
    std::swap(rows.at(0).sealed_password, rows.at(1).sealed_password);
    SR_CHECK(UpdateProxy(t, rows[0]));
    return UpdateProxy(t, rows[1]);
  };
  co_return co_await database.Run(std::move(swap));
}

TEST(XksProxies, OpenNoPasswordThatWasSealedForAnother) {
  ProxyFixture f;
  f.MakeProxy();
  const Request request = f.Encrypt("x");
  json::object body = ProxyFixture::CreateBody();
  body["PathPrefix"] = "/team-b";
  body["UserName"] = "somebody";
  body["Password"] = Base64(AsBytes("some-password"));
  ASSERT_EQ(f.Call("CreateXksProxy", body).status, 200u);
  ASSERT_TRUE(RunTask(f.loop(), SwapPasswords(f.database())).ok());
  EXPECT_TRUE(f.Reload().ok());
  EXPECT_EQ(f.Send(request).error, "InternalException");
}

TEST(XksProxies, SealPasswordsForTheClustersTrustAnchor) {
  ProxyRow row;
  row.proxy_id = "xksp-1";
  row.cluster_id = "cluster-1";
  row.user_name = "alice";
  EXPECT_EQ(PasswordName(row, AsBytes("abc")),
            "xksp-1|cluster-1|alice|ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(XksProxies, AreThereAgainOnceTheSealerIs) {
  ProxyFixture f;
  f.MakeProxy();
  const Request request = f.Encrypt("x");
  const Answer rotated = f.Call("RotateXksProxyCredential",
                                {{"ProxyId", f.Call("ListXksProxies", {}).body.at("Proxies").at(0).at("ProxyId")}});
  ASSERT_EQ(rotated.status, 200u);
  f.sealer.away = true;
  EXPECT_TRUE(f.Reload().ok()) << "what is open stays open";
  EXPECT_EQ(f.Send(request).status, 200u);
}

TEST(XksProxies, SayThatTheirClusterIsGone) {
  ProxyFixture f;
  f.MakeProxy();
  const Request request = f.Encrypt("x");
  f.directory.info.reset();
  EXPECT_TRUE(f.Reload().ok());
  EXPECT_EQ(f.Send(request).error, "InvalidStateException");
  const Answer shown = f.Send(f.Of("health", {}));
  EXPECT_EQ(shown.body.at("ekmFleetDetails").at(0).at("healthStatus").as_string(), "UNAVAILABLE");
  EXPECT_EQ(shown.body.at("ekmFleetDetails").at(0).at("id").as_string(), kClusterId);
}

}  // namespace
}  // namespace strongroom::xks_proxy::testing
