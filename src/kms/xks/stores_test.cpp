// External key stores: making, connecting, changing and deleting them (spec/kms.md 7.1, 7.7, 7.8, 7.10).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "kms/xks/external_store_for_tests.h"
#include "xks_protocol/errors.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::Not;
using Kit = ExternalStoreKit;
using Script = xks::testing::FakeProxy::Script;

constexpr std::string_view kVpcService = "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0";

Script Named(xks::ErrorName error) { return {xks::FormOf(error).http_status, xks::WriteError(error, "its own words")}; }

TEST(ExternalStore, IsMadeDisconnectedAndShownWithoutItsSecret) {
  Kit kit;
  const std::string id = kit.NewStore();
  ASSERT_EQ(id.size(), 21u) << id;
  const auto seen = kit.proxy.TakeSeen();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].target, "/prefix/kms/xks/v1/health");
  EXPECT_THAT(seen[0].body, HasSubstr("\"kmsOperation\":\"CreateCustomKeyStore\""));
  const Answer shown = kit.service.Call("DescribeCustomKeyStores", json::object{});
  json::object entry = shown.body.at("CustomKeyStores").as_array().at(0).as_object();
  entry.erase("CreationDate");
  EXPECT_EQ(json::value(entry), json::value({{"CustomKeyStoreId", id},
                                             {"CustomKeyStoreName", "external"},
                                             {"ConnectionState", "DISCONNECTED"},
                                             {"CustomKeyStoreType", "EXTERNAL_KEY_STORE"},
                                             {"XksProxyConfiguration",
                                              {{"Connectivity", "PUBLIC_ENDPOINT"},
                                               {"AccessKeyId", Kit::FakeProxy::kAccessKeyId},
                                               {"UriEndpoint", Kit::FakeProxy::kEndpoint},
                                               {"UriPath", Kit::FakeProxy::kPath}}}}));
  EXPECT_THAT(shown.raw + kit.service.Log(), Not(HasSubstr(std::string(Kit::FakeProxy::kSecret))));
}

struct CreateRow {
  std::string name;
  std::function<void(Kit&, json::object&)> change;
  std::string type;
};
void PrintTo(const CreateRow& row, std::ostream* out) { *out << row.name; }
CreateRow Without(const std::string& member) {
  return {"Without" + member, [member](Kit&, json::object& b) { b.erase(member); }, "ValidationException"};
}
CreateRow Told(const std::string& name, Script script, const std::string& type) {
  return {name, [script](Kit& kit, json::object&) { kit.proxy.AnswerNext({script}); }, type};
}
void UseVpc(json::object& b) {
  b["XksProxyConnectivity"] = "VPC_ENDPOINT_SERVICE";
  b["XksProxyVpcEndpointServiceName"] = kVpcService;
}
const CreateRow kCreateRows[] = {
    Without("XksProxyConnectivity"),
    Without("XksProxyUriEndpoint"),
    Without("XksProxyUriPath"),
    Without("XksProxyAuthenticationCredential"),
    {"MemberOfAnotherType", [](Kit&, json::object& b) { b["KeyStorePassword"] = "password"; }, "ValidationException"},
    {"EndpointWithPort", [](Kit&, json::object& b) { b["XksProxyUriEndpoint"] = "https://localhost:9443"; },
     "ValidationException"},
    {"EndpointWithoutTls", [](Kit&, json::object& b) { b["XksProxyUriEndpoint"] = "http://localhost"; },
     "ValidationException"},
    {"OtherPath", [](Kit&, json::object& b) { b["XksProxyUriPath"] = "/kms/other/v1"; }, "ValidationException"},
    {"ShortSecret", [](Kit&, json::object& b) { b["XksProxyAuthenticationCredential"] = Kit::Credential("short"); },
     "ValidationException"},
    {"VpcServiceWithPublicEndpoint", [](Kit&, json::object& b) { b["XksProxyVpcEndpointServiceName"] = kVpcService; },
     "ValidationException"},
    {"VpcWithoutItsService", [](Kit&, json::object& b) { b["XksProxyConnectivity"] = "VPC_ENDPOINT_SERVICE"; },
     "ValidationException"},
    {"UnknownVpcService", [](Kit&, json::object& b) { UseVpc(b); }, "XksProxyVpcEndpointServiceNotFoundException"},
    {"NameInUse",
     [](Kit& kit, json::object& b) {
       kit.NewStore();
       b["XksProxyUriPath"] = "/other/kms/xks/v1";
     },
     "CustomKeyStoreNameInUseException"},
    {"UriInUse",
     [](Kit& kit, json::object& b) {
       kit.NewStore();
       b["CustomKeyStoreName"] = "second";
       b["XksProxyUriEndpoint"] = "https://LOCALHOST";
     },
     "XksProxyUriInUseException"},
    {"EndpointInUseByPublicStore",
     [](Kit& kit, json::object& b) {
       kit.NewStore();
       b["CustomKeyStoreName"] = "second";
       b["XksProxyUriPath"] = "/other/kms/xks/v1";
       UseVpc(b);
     },
     "XksProxyUriEndpointInUseException"},
    {"HostUnknown", [](Kit&, json::object& b) { b["XksProxyUriEndpoint"] = "https://no-such-host.invalid"; },
     "XksProxyUriUnreachableException"},
    {"NobodyListens", [](Kit& kit, json::object&) { kit.proxy.StopListening(); }, "XksProxyUriUnreachableException"},
    {"OtherSecret",
     [](Kit&, json::object& b) { b["XksProxyAuthenticationCredential"] = Kit::Credential(std::string(43, 'x')); },
     "XksProxyIncorrectAuthenticationCredentialException"},
    {"PathThatTheProxyHasNot", [](Kit&, json::object& b) { b["XksProxyUriPath"] = "/other/kms/xks/v1"; },
     "XksProxyInvalidConfigurationException"},
    {"Unhealthy", [](Kit& kit, json::object&) { kit.proxy.SetHealth(xks::Health::kUnavailable); },
     "XksProxyUriUnreachableException"},
    Told("AccessDenied", Named(xks::ErrorName::kAccessDenied), "XksProxyInvalidConfigurationException"),
    Told("Throttled", Named(xks::ErrorName::kThrottling), "XksProxyUriUnreachableException"),
    Told("Garbage", {200, "<html>"}, "XksProxyInvalidResponseException"),
    Told("Internal", Named(xks::ErrorName::kInternal), "XksProxyInvalidResponseException"),
    {"Degraded", [](Kit& kit, json::object&) { kit.proxy.SetHealth(xks::Health::kDegraded); }, ""},
};
class CreateExternal : public ::testing::TestWithParam<CreateRow> {};
TEST_P(CreateExternal, AnswersAsTheRowSays) {
  Kit kit;
  json::object body = Kit::Request();
  GetParam().change(kit, body);
  const std::int64_t before = kit.service.Count("SELECT COUNT(*) FROM custom_key_stores");
  const Answer answer = kit.service.Call("CreateCustomKeyStore", body);
  EXPECT_EQ(answer.type, GetParam().type) << answer.raw;
  EXPECT_THAT(answer.raw, Not(HasSubstr("its own words")));
  EXPECT_EQ(kit.service.Count("SELECT COUNT(*) FROM custom_key_stores"), before + (answer.ok() ? 1 : 0));
}
INSTANTIATE_TEST_SUITE_P(ExternalStore, CreateExternal, ::testing::ValuesIn(kCreateRows),
                         [](const auto& row) { return row.param.name; });

TEST(ExternalStore, OfAVpcEndpointServiceIsReachedWhereTheConfigurationSays) {
  Kit kit;
  xks::Options options = kit.proxy.options();
  options.hosts.clear();  // localhost is no place for a proxy then
  options.vpc_endpoint_services[std::string(kVpcService)] = {"127.0.0.1", kit.proxy.port()};
  kit.service.RestartReachingProxies(options);
  json::object body = Kit::Request();
  UseVpc(body);
  body["XksProxyVpcEndpointServiceOwner"] = "444455556666";
  const Answer made = kit.service.Call("CreateCustomKeyStore", body);
  ASSERT_TRUE(made.ok()) << made.raw;
  const std::string id = made.Text("CustomKeyStoreId");
  EXPECT_TRUE(kit.proxy.TakeSeen().empty()) << "tested when it is connected";
  EXPECT_EQ(kit.service.Connect(id), "CONNECTED");
  const Answer shown = kit.service.Call("DescribeCustomKeyStores", {{"CustomKeyStoreId", id}});
  EXPECT_EQ(shown.Text("CustomKeyStores.0.XksProxyConfiguration.VpcEndpointServiceName"), kVpcService);
  EXPECT_EQ(shown.Text("CustomKeyStores.0.XksProxyConfiguration.VpcEndpointServiceOwner"), "444455556666");
  // The service and the endpoint are used once.
  body["CustomKeyStoreName"] = "second";
  body["XksProxyUriPath"] = "/other/kms/xks/v1";
  EXPECT_EQ(kit.service.Call("CreateCustomKeyStore", body).type, "XksProxyUriEndpointInUseException");
  body["XksProxyUriEndpoint"] = "https://other.example.com";
  EXPECT_EQ(kit.service.Call("CreateCustomKeyStore", body).type, "XksProxyVpcEndpointServiceInUseException");
  // To a public endpoint: an empty text is "none".
  EXPECT_EQ(kit.service.Disconnect(id), "DISCONNECTED");
  options = kit.proxy.options();
  kit.service.RestartReachingProxies(options);
  EXPECT_EQ(kit.service.Connect(id), "FAILED XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND");
  EXPECT_EQ(kit.service.Disconnect(id), "DISCONNECTED");
  json::object change{
      {"CustomKeyStoreId", id}, {"XksProxyConnectivity", "PUBLIC_ENDPOINT"}, {"XksProxyVpcEndpointServiceName", ""}};
  EXPECT_EQ(kit.service.Call("UpdateCustomKeyStore", change).type, "ValidationException") << "without a new endpoint";
  change["XksProxyUriEndpoint"] = Kit::FakeProxy::kEndpoint;
  const Answer changed = kit.service.Call("UpdateCustomKeyStore", change);
  ASSERT_TRUE(changed.ok()) << changed.raw;
  const Answer after = kit.service.Call("DescribeCustomKeyStores", {{"CustomKeyStoreId", id}});
  EXPECT_EQ(after.Text("CustomKeyStores.0.XksProxyConfiguration.Connectivity"), "PUBLIC_ENDPOINT");
  EXPECT_EQ(after.Text("CustomKeyStores.0.XksProxyConfiguration.VpcEndpointServiceName"), "");
}

struct ConnectRow {
  std::string name;
  std::function<void(Kit&)> spoil;
  std::string want;
};
void PrintTo(const ConnectRow& row, std::ostream* out) { *out << row.name; }
ConnectRow ConnectTold(const std::string& name, Script script, const std::string& want) {
  return {name, [script](Kit& kit) { kit.proxy.AnswerNext({script}); }, want};
}
const ConnectRow kConnectRows[] = {
    {"Well", [](Kit&) {}, "CONNECTED"},
    {"NobodyListens", [](Kit& kit) { kit.proxy.StopListening(); }, "FAILED XKS_PROXY_NOT_REACHABLE"},
    {"Unhealthy", [](Kit& kit) { kit.proxy.SetHealth(xks::Health::kUnavailable); }, "FAILED XKS_PROXY_NOT_REACHABLE"},
    ConnectTold("BadCredential", Named(xks::ErrorName::kAuthenticationFailed), "FAILED INVALID_CREDENTIALS"),
    ConnectTold("AccessDenied", Named(xks::ErrorName::kAccessDenied), "FAILED XKS_PROXY_ACCESS_DENIED"),
    ConnectTold("InvalidUriPath", Named(xks::ErrorName::kInvalidUriPath), "FAILED XKS_PROXY_INVALID_CONFIGURATION"),
    ConnectTold("Garbage", {200, "{}"}, "FAILED XKS_PROXY_INVALID_RESPONSE"),
    ConnectTold("Timeout", Named(xks::ErrorName::kDependencyTimeout), "FAILED XKS_PROXY_TIMED_OUT"),
    {"Untrusted",
     [](Kit& kit) {
       xks::Options options = kit.proxy.options();
       options.ca_file.clear();
       kit.service.RestartReachingProxies(options);
     },
     "FAILED XKS_PROXY_INVALID_TLS_CONFIGURATION"},
};
class ConnectExternal : public ::testing::TestWithParam<ConnectRow> {};
TEST_P(ConnectExternal, EndsAsTheRowSaysAndCanBeRepaired) {
  Kit kit;
  const std::string id = kit.NewStore();
  GetParam().spoil(kit);
  EXPECT_EQ(kit.service.Connect(id), GetParam().want);
  if (GetParam().want == "CONNECTED") return;
  EXPECT_EQ(kit.service.Call("ConnectCustomKeyStore", {{"CustomKeyStoreId", id}}).type,
            "CustomKeyStoreInvalidStateException");
  EXPECT_EQ(kit.service.Disconnect(id), "DISCONNECTED");
  kit.proxy.StopListening();
  kit.proxy.Listen();
  kit.proxy.SetHealth(xks::Health::kActive);
  kit.service.RestartReachingProxies(kit.proxy.options());
  EXPECT_EQ(kit.service.Connect(id), "CONNECTED");
}
INSTANTIATE_TEST_SUITE_P(ExternalStore, ConnectExternal, ::testing::ValuesIn(kConnectRows),
                         [](const auto& row) { return row.param.name; });

TEST(ExternalStore, TakesNameCredentialAndPathWhileConnected) {
  Kit kit;
  const std::string id = kit.ConnectedStore();
  ASSERT_EQ(id.size(), 21u) << id;
  const auto update = [&](json::object members) {
    members["CustomKeyStoreId"] = id;
    return kit.service.Call("UpdateCustomKeyStore", members);
  };
  kit.proxy.TakeSeen();
  EXPECT_TRUE(update({{"NewCustomKeyStoreName", "renamed"}}).ok());
  EXPECT_TRUE(kit.proxy.TakeSeen().empty()) << "a name is no business of the proxy's";
  EXPECT_EQ(update({{"XksProxyUriPath", "/other/kms/xks/v1"}}).type, "XksProxyInvalidConfigurationException");
  EXPECT_EQ(update({{"XksProxyAuthenticationCredential", Kit::Credential(std::string(50, 'y'))}}).type,
            "XksProxyIncorrectAuthenticationCredentialException");
  kit.proxy.TakeSeen();
  const Answer same = update({{"XksProxyAuthenticationCredential", Kit::Credential()}});
  EXPECT_TRUE(same.ok()) << same.raw;
  const auto seen = kit.proxy.TakeSeen();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_THAT(seen[0].body, HasSubstr("\"kmsOperation\":\"UpdateCustomKeyStore\""));
  const std::string key = kit.NewKey(id);
  ASSERT_EQ(key.size(), 36u) << key;
  EXPECT_FALSE(kit.service.Encrypted(key, "still connected").empty());
  for (json::object members : {json::object{{"XksProxyUriEndpoint", "https://localhost"}},
                               json::object{{"XksProxyConnectivity", "PUBLIC_ENDPOINT"}},
                               json::object{{"XksProxyVpcEndpointServiceName", ""}}})
    EXPECT_EQ(update(members).type, "CustomKeyStoreInvalidStateException") << json::serialize(members);
  for (json::object members : {json::object{}, json::object{{"KeyStorePassword", "password"}},
                               json::object{{"CloudHsmClusterId", kClusterId}}})
    EXPECT_EQ(update(members).type, "ValidationException") << json::serialize(members);
  const Answer shown = kit.service.Call("DescribeCustomKeyStores", {{"CustomKeyStoreName", "renamed"}});
  EXPECT_EQ(shown.Text("CustomKeyStores.0.XksProxyConfiguration.UriPath"), Kit::FakeProxy::kPath);
}

TEST(ExternalStore, ConnectedOnesAreAskedHowTheyAre) {
  Kit kit;
  const std::string id = kit.ConnectedStore();
  ASSERT_EQ(id.size(), 21u) << id;
  const auto check = [&] {
    kit.proxy.TakeSeen();
    kit.service.RunTask(kit.service.kms().custom_stores().CheckProxies());
    return kit.proxy.TakeSeen();
  };
  const auto said = [&](const std::string& what) {
    const std::string line = "the proxy of custom key store " + id + " is " + what, log = kit.service.Log();
    std::size_t times = 0;
    for (std::size_t at = log.find(line); at != std::string::npos; at = log.find(line, at + 1)) ++times;
    return times;
  };
  const auto seen = check();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_THAT(seen[0].target, ::testing::EndsWith("/kms/xks/v1/health"));
  EXPECT_THAT(seen[0].body, HasSubstr("\"kmsOperation\":\"KmsHealthCheck\""));
  EXPECT_EQ(said("not well") + said("well again"), 0u);
  kit.proxy.SetHealth(xks::Health::kUnavailable);
  check();
  check();
  EXPECT_EQ(said("not well"), 1u) << "once, not at each look";
  EXPECT_EQ(kit.service.Settled(id), "CONNECTED") << "what requests meet is theirs to see";
  kit.proxy.SetHealth(xks::Health::kActive);
  check();
  EXPECT_EQ(said("well again"), 1u);
  kit.proxy.StopListening();
  check();
  EXPECT_EQ(said("not well: XKS_PROXY_NOT_REACHABLE"), 2u);
  kit.proxy.Listen();
  EXPECT_EQ(kit.service.Disconnect(id), "DISCONNECTED");
  EXPECT_TRUE(check().empty()) << "nobody asks for a store that is not connected";
}

TEST(ExternalStore, GoesOnlyWhenDisconnectedAndEmpty) {
  Kit kit;
  const std::string id = kit.ConnectedStore();
  const std::string key = kit.NewKey(id);
  ASSERT_EQ(key.size(), 36u) << key;
  EXPECT_EQ(kit.service.Call("DeleteCustomKeyStore", {{"CustomKeyStoreId", id}}).type,
            "CustomKeyStoreInvalidStateException");
  EXPECT_EQ(kit.service.Disconnect(id), "DISCONNECTED");
  EXPECT_EQ(kit.service.Call("DeleteCustomKeyStore", {{"CustomKeyStoreId", id}}).type,
            "CustomKeyStoreHasCMKsException");
  kit.service.Sql("DELETE FROM kms_keys");
  EXPECT_TRUE(kit.service.Call("DeleteCustomKeyStore", {{"CustomKeyStoreId", id}}).ok());
  EXPECT_EQ(kit.service.Count("SELECT COUNT(*) FROM custom_key_stores"), 0);
}

TEST(ExternalStore, GivesNoRandomBytes) {
  Kit kit;
  const std::string id = kit.ConnectedStore();
  EXPECT_EQ(kit.service.Call("GenerateRandom", {{"NumberOfBytes", 8}, {"CustomKeyStoreId", id}}).type,
            "UnsupportedOperationException");
}

TEST(ExternalStore, SecretOfAnotherRowDoesNotOpen) {
  Kit kit;
  const std::string id = kit.NewStore();
  kit.service.Sql("UPDATE custom_key_stores SET sealed_password = $1",
                  {kit.service.Sealed(id, Kit::FakeProxy::kSecret)});  // sealed for kmsuser
  EXPECT_EQ(kit.service.Connect(id), "FAILED INTERNAL_ERROR");
}

}  // namespace
}  // namespace strongroom::kms::testing
