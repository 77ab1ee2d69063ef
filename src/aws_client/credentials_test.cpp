// Where credentials come from, in which order, and what is said when they are wrong.
#include "aws_client/credentials.h"

#include <gtest/gtest.h>

#include <fstream>

#include "aws_client/credential_sources.h"
#include "aws_client/http.h"
#include "aws_client/testing/fake_server.h"
#include "base/testing/temporary_directory.h"

namespace strongroom::aws_client {
namespace {

using std::chrono::system_clock;
using testing_kit::FakeReply;
using testing_kit::FakeRequest;
using testing_kit::FakeServer;
using Variables = std::map<std::string, std::string, std::less<>>;

class CredentialsChain : public ::testing::Test {
 protected:
  void Write(const char* name, std::string_view text) const { std::ofstream(Path(name)) << text; }
  std::string Path(const char* name) const { return (directory_.path() / name).string(); }
  /// "id source" of what the chain finds, or the error's text.
  std::string Found(Variables variables, std::string_view profile = "") {
    variables.emplace("AWS_CONFIG_FILE", Path("config"));
    variables.emplace("AWS_SHARED_CREDENTIALS_FILE", Path("credentials"));
    variables.emplace("AWS_ENDPOINT_URL_STS", server_.Url());
    variables.emplace("AWS_EC2_METADATA_SERVICE_ENDPOINT", server_.Url());
    auto config = LoadConfig(EnvironmentOf(std::move(variables)), profile);
    if (!config.ok()) return config.error().public_message();
    provider_ =
        MakeCredentialsChain(std::make_shared<const Config>(*std::move(config)), HttpClient::Create({}).value());
    const auto got = provider_->Get();
    if (!got.ok()) return got.error().public_message();
    token_ = (*got)->session_token.size();
    return (*got)->access_key_id + " " + (*got)->source;
  }
  FakeReply Answer(const FakeRequest& request) {
    asked_ += request.method + " " + request.path + "\n";
    body_ = request.body;
    if (request.path == "/container") {
      authorization_ = request.Header("authorization");
      return {.body = Json("CONTAINER", "Token")};
    }
    if (request.path == "/latest/api/token") return instance_ ? FakeReply{.body = "session"} : FakeReply{.status = 404};
    if (request.path.starts_with("/latest/")) {
      if (request.Header("x-aws-ec2-metadata-token") != "session") return {.status = 401};
      return {.body = request.path.ends_with('/') ? "my-role\n" : Json("INSTANCE", "Token")};
    }
    if (request.method == "POST") {
      const std::string action = sigv4_action(request.body);
      signed_with_ = request.Header("authorization");
      if (!sts_says_.empty()) return {.status = 403, .body = sts_says_};
      return {.body =
                  "<" + action + "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" + action +
                  "Result><Credentials><AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
                  "<SessionToken>t&amp;t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></" +
                  action + "Result></" + action + "Response>"};
    }
    return {.status = 404};
  }
  static std::string sigv4_action(const std::string& body) {
    const std::size_t at = body.find("Action=") + 7;
    return body.substr(at, body.find('&', at) - at);
  }
  static std::string Json(const std::string& id, const std::string& token) {
    return R"({"Version":1,"AccessKeyId":")" + id + R"(","SecretAccessKey":"s",")" + token +
           R"(":"token","Expiration":"2100-01-01T00:00:00Z"})";
  }

  TemporaryDirectory directory_;
  bool instance_ = false;
  std::string asked_, body_, authorization_, signed_with_, sts_says_;
  std::size_t token_ = 0;
  std::unique_ptr<CredentialsProvider> provider_;
  FakeServer server_{[this](const FakeRequest& request) { return Answer(request); }};
  const Variables keys_{{"AWS_ACCESS_KEY_ID", "ENV"}, {"AWS_SECRET_ACCESS_KEY", "s"}};
};

TEST_F(CredentialsChain, EnvironmentComesFirst) {
  Write("credentials",
        "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n[work]\naws_access_key_id=WORK\naws_secret_access_"
        "key=s\naws_session_token=abc\n");
  EXPECT_EQ(Found(keys_), "ENV the environment");
  EXPECT_EQ(Found({}), "FILE profile default in " + Path("credentials"));
  EXPECT_EQ(Found({{"AWS_PROFILE", "work"}}), "WORK profile work in " + Path("credentials"));
  EXPECT_EQ(token_, 3u);
  EXPECT_EQ(Found(keys_, "work"), "WORK profile work in " + Path("credentials"));
  Write("credentials", "");
  Write("config", "[default]\naws_access_key_id=CONFIG\naws_secret_access_key=s\n");
  EXPECT_EQ(Found({}), "CONFIG profile default in " + Path("config"));
}

TEST_F(CredentialsChain, HalvesAndNonsenseAreErrors) {
  EXPECT_EQ(Found({{"AWS_ACCESS_KEY_ID", "ENV"}}), "Of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, only one is set.");
  Write("credentials", "[default]\naws_access_key_id=A\n");
  EXPECT_EQ(Found({}), "Of aws_access_key_id and aws_secret_access_key, profile default in " + Path("credentials") +
                           " has only one.");
  Write("credentials", "[default]\naws_access_key_id=A\naws_secret_access_key=top secret\n");
  const std::string said = Found({});
  EXPECT_TRUE(said.starts_with("The secret access key of profile default")) << said;
  EXPECT_EQ(said.find("top secret"), std::string::npos);
}

TEST_F(CredentialsChain, NoneAnywhere) {
  EXPECT_TRUE(Found({}).starts_with("There are no AWS credentials")) << Found({});
  EXPECT_TRUE(Found({{"AWS_EC2_METADATA_DISABLED", "true"}}).starts_with("There are no AWS credentials"));
  Write("config", "[default]\nsso_session=x\n");  // without a role: a login for other services
  EXPECT_TRUE(Found({}).starts_with("There are no AWS credentials"));
}

TEST_F(CredentialsChain, RoleWithSourceProfile) {
  Write("credentials", "[base]\naws_access_key_id=BASE\naws_secret_access_key=s\n");
  Write("config",
        "[profile r]\nrole_arn=arn:aws:iam::1:role/x\nsource_profile=base\nexternal_id=e/1\nrole_session_name=me\n"
        "duration_seconds=900\n");
  EXPECT_EQ(Found({}, "r"), "ROLE the session of arn:aws:iam::1:role/x");
  EXPECT_EQ(body_,
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx&RoleSessionName=me&"
            "DurationSeconds=900&ExternalId=e%2F1");
  EXPECT_NE(signed_with_.find("Credential=BASE/"), std::string::npos);
  EXPECT_EQ(token_, 3u);
}

TEST_F(CredentialsChain, RolesFollowRolesAndSources) {
  Write("credentials",
        "[self]\naws_access_key_id=SELF\naws_secret_access_key=s\nrole_arn=arn:self\nsource_profile=self\n");
  Write("config",
        "[profile a]\nrole_arn=arn:a\nsource_profile=b\n[profile b]\nrole_arn=arn:b\ncredential_source=Environment\n");
  EXPECT_EQ(Found({{"AWS_PROFILE", "self"}}), "ROLE the session of arn:self");
  EXPECT_NE(signed_with_.find("Credential=SELF/"), std::string::npos);
  Variables variables = keys_;
  variables["AWS_PROFILE"] = "a";
  EXPECT_EQ(Found(variables), "ENV the environment");
}

struct BadRole {
  std::string name, settings, said;
};
class BadRoles : public CredentialsChain, public ::testing::WithParamInterface<BadRole> {};
TEST_P(BadRoles, AreExplained) {
  Write("config", "[profile r]\nrole_arn=arn:r\n" + GetParam().settings + "\n[profile empty]\nregion=x\n");
  const std::string said = Found({}, "r");
  EXPECT_NE(said.find(GetParam().said), std::string::npos) << said;
}
INSTANTIATE_TEST_SUITE_P(
    Kinds, BadRoles,
    ::testing::Values(BadRole{"NoSource", "", "neither source_profile nor credential_source"},
                      BadRole{"Both", "source_profile=empty\ncredential_source=Environment", "both"},
                      BadRole{"Missing", "source_profile=none", "which does not exist"},
                      BadRole{"Empty", "source_profile=empty", "has no credentials to begin with"},
                      BadRole{"Circle", "source_profile=b\n[profile b]\nrole_arn=arn:b\nsource_profile=r", "circle"},
                      BadRole{"Mfa", "source_profile=empty\nmfa_serial=arn:mfa", "mfa_serial"},
                      BadRole{"Kind", "credential_source=Moon", "credential_source is none of"},
                      BadRole{"Duration", "source_profile=empty\nduration_seconds=1", "duration_seconds"}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(CredentialsChain, WebIdentity) {
  Write("token", "header.payload.signature\n");
  EXPECT_EQ(
      Found(
          {{"AWS_WEB_IDENTITY_TOKEN_FILE", Path("token")}, {"AWS_ROLE_ARN", "arn:w"}, {"AWS_ROLE_SESSION_NAME", "n"}}),
      "ROLE the session of arn:w");
  EXPECT_EQ(body_,
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aw&RoleSessionName=n&"
            "WebIdentityToken=header.payload.signature");
  EXPECT_EQ(signed_with_, "");
  EXPECT_NE(Found({{"AWS_WEB_IDENTITY_TOKEN_FILE", Path("token")}}).find("AWS_ROLE_ARN"), std::string::npos);
  EXPECT_NE(Found({{"AWS_WEB_IDENTITY_TOKEN_FILE", Path("none")}, {"AWS_ROLE_ARN", "arn:w"}}).find(Path("none")),
            std::string::npos);
  Write("config", "[profile w]\nrole_arn=arn:p\nweb_identity_token_file=" + Path("token") + "\n");
  EXPECT_EQ(Found({}, "w"), "ROLE the session of arn:p");
  sts_says_ =
      "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>No provider.</Message></Error></ErrorResponse>";
  EXPECT_EQ(Found({}, "w"), "STS refuses AssumeRoleWithWebIdentity: InvalidIdentityToken: No provider.");
}

TEST_F(CredentialsChain, ProcessContainerInstance) {
  Write("answer", Json("PROCESS", "SessionToken"));
  Write("config", "[default]\ncredential_process = /bin/cat \"" + Path("answer") + "\"\n");
  EXPECT_EQ(Found({}), "PROCESS credential_process of profile default");
  Write("config", "");
  EXPECT_EQ(Found({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", server_.Url() + "/container"},
                   {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic x"}}),
            "CONTAINER the container's credentials endpoint");
  EXPECT_EQ(authorization_, "Basic x");
  instance_ = true;
  EXPECT_EQ(Found({}), "INSTANCE the instance metadata service");
  EXPECT_NE(Found({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/x"}}).find("plain http"),
            std::string::npos);
  EXPECT_NE(Found({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "x"}}).find("is no address"), std::string::npos);
}

TEST(Refreshing, FiveMinutesBeforeTheEnd) {
  system_clock::time_point now{};
  int fetched = 0;
  bool fails = false;
  const auto provider = MakeRefreshing(
      [&]() -> Result<Credentials> {
        ++fetched;
        if (fails) return Error(Errc::kUnavailable, "away");
        SR_TRY(auto credentials, MakeCredentials("ID" + std::to_string(fetched), "s", "", "test"));
        credentials.expires = now + std::chrono::hours(1);
        return credentials;
      },
      [&] { return now; });
  const auto id = [&] {
    const auto got = provider->Get();
    return got.ok() ? (*got)->access_key_id : "error";
  };
  EXPECT_EQ(id(), "ID1");
  now += std::chrono::minutes(54);
  EXPECT_EQ(id(), "ID1");
  fails = true;
  now += std::chrono::minutes(2);
  EXPECT_EQ(id(), "ID1");  // still good, although a new one was not to be had
  EXPECT_EQ(id(), "ID1");
  EXPECT_EQ(fetched, 2);
  now += std::chrono::minutes(4);
  EXPECT_EQ(id(), "error");
  fails = false;
  EXPECT_EQ(id(), "ID4");
  provider->Invalidate();
  EXPECT_EQ(id(), "ID5");
}

TEST(CredentialProcess, WhatItMayWrite) {
  struct Row {
    std::vector<std::string> command;
    std::string said;
  };
  for (const Row& row :
       std::vector<Row>{{{"/bin/echo", R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"S"})"}, ""},
                        {{"/bin/echo", R"({"Version":2,"AccessKeyId":"A","SecretAccessKey":"S"})"},
                         "The p does not write \"Version\": 1."},
                        {{"/bin/echo", R"({"Version":1,"AccessKeyId":"A"})"}, "The secret access key of p is missing"},
                        {{"/bin/echo", R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","Expiration":"soon"})"},
                         "The Expiration of p"},
                        {{"/bin/echo", "secret"}, "The p does not write a JSON object."},
                        {{"/bin/false"}, "The p (/bin/false) failed: exit status 1."},
                        {{"/nonexistent/x"}, "The p cannot be started"},
                        {{"/bin/dd", "if=/dev/zero", "bs=1000", "count=100", "status=none"},
                         "The p writes more than 65536 bytes."}}) {
    const auto got = RunCredentialProcess(row.command, "p");
    const std::string said = got.ok() ? "" : got.error().public_message();
    EXPECT_TRUE(row.said.empty() ? said.empty() : said.starts_with(row.said)) << said;
  }
}

TEST(SplitCommandTest, Table) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(SplitCommand("a b\tc").value(), (Words{"a", "b", "c"}));
  EXPECT_EQ(SplitCommand(R"("/opt/my tool" --x='a "b"' c\ d "e\"f" '')").value(),
            (Words{"/opt/my tool", "--x=a \"b\"", "c d", "e\"f", ""}));
  EXPECT_EQ(SplitCommand("a $(b) ; c | d > e").value(), (Words{"a", "$(b)", ";", "c", "|", "d", ">", "e"}));
  for (const char* bad : {"", "   ", "a 'b", "\"a"}) EXPECT_FALSE(SplitCommand(bad).ok()) << bad;
}

TEST(IsoTime, Table) {
  const auto seconds = [](std::string_view text) -> long long {
    const auto time = ParseIsoTime(text);
    return time ? std::chrono::duration_cast<std::chrono::seconds>(time->time_since_epoch()).count() : -1;
  };
  EXPECT_EQ(seconds("1970-01-02T00:00:01Z"), 86401);
  EXPECT_EQ(seconds("1970-01-02T00:00:01.123456Z"), 86401);
  EXPECT_EQ(seconds("1970-01-02T02:00:01+02:00"), 86401);
  EXPECT_EQ(seconds("1970-01-01T22:30:01-01:30"), 86401);
  for (const char* bad : {"", "1970-01-02", "1970-01-02T00:00:01", "1970-13-02T00:00:01Z", "1970-01-32T00:00:01Z",
                          "1970-01-02T24:00:01Z", "1970-01-02T00:00:01.Z", "1970-01-02T00:00:01+2:00",
                          "x970-01-02T00:00:01Z", "1970-01-02T00:00:01+99:00", "1970-02-30T00:00:00Z"}) {
    EXPECT_EQ(seconds(bad), -1) << bad;
  }
}

}  // namespace
}  // namespace strongroom::aws_client
