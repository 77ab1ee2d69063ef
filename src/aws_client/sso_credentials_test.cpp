// Logins of `aws sso login`, exchanged at a portal for a role's credentials.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "aws_client/credential_sources.h"
#include "aws_client/testing/fake_server.h"
#include "base/testing/temporary_directory.h"

namespace strongroom::aws_client {
namespace {

using std::chrono::system_clock;
using testing_kit::FakeReply;
using testing_kit::FakeRequest;
using testing_kit::FakeServer;
using Variables = std::map<std::string, std::string, std::less<>>;

// SHA-1 of "corp" and of "https://corp.awsapps.com/start": what botocore's SSOTokenLoader makes of them.
constexpr const char* kSessionFile = "ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
constexpr const char* kLegacyFile = "a51746d4aa793ae07b25e90c3a5db96fc7832bd7.json";

const std::string kSession =
    "[profile work]\nsso_session=corp\nsso_account_id=123456789012\nsso_role_name=Back up\n"
    "[sso-session corp]\nsso_start_url=https://corp.awsapps.com/start\nsso_region=eu-central-1\n";
const std::string kLegacy =
    "[profile work]\nsso_start_url=https://corp.awsapps.com/start\nsso_region=eu-central-1\n"
    "sso_account_id=123456789012\nsso_role_name=Back up\n";

class Sso : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(cache()); }
  std::filesystem::path cache() const { return directory_.path() / ".aws" / "sso" / "cache"; }
  void Write(const std::filesystem::path& file, std::string_view text) const { std::ofstream(file) << text; }
  static std::string In(std::chrono::seconds time) { return FormatIsoTime(system_clock::now() + time); }
  std::string Read(const char* file) const {
    std::ostringstream text;
    text << std::ifstream(cache() / file).rdbuf();
    return text.str();
  }
  void Token(const char* file, std::chrono::seconds left, const std::string& more = "") const {
    Write(cache() / file, R"({"accessToken":"old token","expiresAt":")" + In(left) + "\"" + more + "}");
  }
  std::string Renewable(std::chrono::seconds registered = std::chrono::hours(1)) const {
    return R"(,"refreshToken":"refresh \"1\"","clientId":"c","clientSecret":"s","registrationExpiresAt":")" +
           In(registered) + R"(","scopes":["x"])";
  }
  std::string Found(const std::string& config, Variables more = {}) {
    Write(directory_.path() / "config", config);
    more.emplace("HOME", directory_.path().string());
    more.emplace("AWS_CONFIG_FILE", (directory_.path() / "config").string());
    more.emplace("AWS_ENDPOINT_URL_SSO", server_.Url());
    more.emplace("AWS_ENDPOINT_URL_SSO_OIDC", server_.Url() + "/oidc");
    more.emplace("AWS_EC2_METADATA_DISABLED", "true");
    more.emplace("AWS_MAX_ATTEMPTS", "1");
    more.emplace("AWS_ENDPOINT_URL_STS", server_.Url() + "/sts");
    auto loaded = LoadConfig(EnvironmentOf(std::move(more)), "work");
    if (!loaded.ok()) return loaded.error().public_message();
    const auto got =
        MakeCredentialsChain(std::make_shared<const Config>(*std::move(loaded)), HttpClient::Create({}).value())->Get();
    if (!got.ok()) return std::string(Name(got.error().code())) + ": " + got.error().public_message();
    return (*got)->access_key_id + " " + FormatIsoTime(*(*got)->expires) + " " + (*got)->source;
  }
  FakeReply Answer(const FakeRequest& request) {
    asked_ += request.method + " " + request.path + "?" + request.query + " " +
              request.Header("x-amz-sso_bearer_token") + request.Header("authorization") + request.body + "\n";
    if (request.path == "/oidc/token") return oidc_;
    return portal_;
  }

  TemporaryDirectory directory_;
  std::string asked_;
  FakeReply portal_{.body = R"({"roleCredentials":{"accessKeyId":"ASIA","secretAccessKey":"s","sessionToken":"t",)"
                            R"("expiration":4102444800000}})"};
  FakeReply oidc_{.body = R"({"accessToken":"new token","expiresIn":28800,"refreshToken":"refresh 2"})"};
  FakeServer server_{[this](const FakeRequest& request) { return Answer(request); }};
};

const std::string kFound = "ASIA 2100-01-01T00:00:00Z role Back up of profile work (IAM Identity Center)";
const std::string kPortal = "GET /federation/credentials?role_name=Back%20up&account_id=123456789012 ";
const std::string kExpired =
    "expired-token: The login of profile work at IAM Identity Center has expired. `aws sso login --profile work` logs "
    "in "
    "again.";

TEST_F(Sso, ALoginThatLastsIsUsedAsItIs) {
  Token(kSessionFile, std::chrono::hours(2), Renewable());
  EXPECT_EQ(Found(kSession), kFound);
  EXPECT_EQ(asked_, kPortal + "old token\n");
  asked_.clear();
  Token(kLegacyFile, std::chrono::minutes(1));
  EXPECT_EQ(Found(kLegacy), kFound);
  EXPECT_EQ(asked_, kPortal + "old token\n");
}

TEST_F(Sso, ALoginThatEndsIsRenewedAndKept) {
  for (const auto left : {std::chrono::seconds(600), std::chrono::seconds(-600)}) {
    asked_.clear();
    Token(kSessionFile, left, Renewable());
    EXPECT_EQ(Found(kSession), kFound);
    EXPECT_EQ(asked_, R"(POST /oidc/token? {"clientId":"c","clientSecret":"s","refreshToken":"refresh \"1\"",)"
                      R"("grantType":"refresh_token"})"
                      "\n" +
                          kPortal + "new token\n");
    const std::string kept = Read(kSessionFile);
    for (const char* text :
         {R"("accessToken":"new token")", R"("refreshToken":"refresh 2")", R"("clientId":"c")",
          R"("region":"eu-central-1")", R"("startUrl":"https://corp.awsapps.com/start")", R"("scopes":["x"])"}) {
      EXPECT_NE(kept.find(text), std::string::npos) << kept;
    }
    struct stat facts {};
    ASSERT_EQ(::stat((cache() / kSessionFile).c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600u);
  }
  asked_.clear();
  EXPECT_EQ(Found(kSession), kFound);
  EXPECT_EQ(asked_, kPortal + "new token\n");
}

TEST_F(Sso, WhatCannotBeRenewedIsUsedWhileItLasts) {
  const FakeReply refused{.status = 400, .body = R"({"__type":"InvalidGrantException","error":"invalid_grant"})"};
  const FakeReply down{.status = 500, .body = "{}"};
  for (const FakeReply& reply : {refused, down}) {
    oidc_ = reply;
    Token(kSessionFile, std::chrono::minutes(5), Renewable());
    EXPECT_EQ(Found(kSession), kFound);
  }
  Token(kSessionFile, std::chrono::seconds(-5), Renewable());
  EXPECT_TRUE(Found(kSession).starts_with("unavailable: IAM Identity Center does not renew the login"))
      << Found(kSession);
  oidc_ = refused;
  EXPECT_EQ(Found(kSession), kExpired);
  oidc_ = {.body = R"({"accessToken":"x"})"};
  EXPECT_TRUE(Found(kSession).starts_with("corrupted: ")) << Found(kSession);
}

TEST_F(Sso, AnExpiredLoginIsSaid) {
  Token(kLegacyFile, std::chrono::seconds(-5), Renewable());  // the older form is not renewed
  EXPECT_EQ(Found(kLegacy), kExpired);
  Token(kSessionFile, std::chrono::seconds(-5));
  EXPECT_EQ(Found(kSession), kExpired);
  Token(kSessionFile, std::chrono::seconds(-5), Renewable(std::chrono::seconds(-1)));
  EXPECT_EQ(Found(kSession), kExpired);
  EXPECT_EQ(asked_, "");
  Token(kSessionFile, std::chrono::hours(1));
  portal_ = {.status = 401, .body = R"({"message":"Session token not found or invalid"})"};
  EXPECT_EQ(Found(kSession), kExpired);
}

TEST_F(Sso, NobodyIsLoggedIn) {
  EXPECT_EQ(
      Found(kSession),
      "missing-authentication: Profile work is not logged in at IAM Identity Center. `aws sso login --profile work` "
      "does it.");
}

TEST_F(Sso, ARoleThatIsNotGivenIsNamed) {
  Token(kSessionFile, std::chrono::hours(1));
  portal_ = {
      .status = 403, .headers = {{"x-amzn-ErrorType", "ForbiddenException"}}, .body = R"({"message":"No access"})"};
  EXPECT_EQ(Found(kSession),
            "access-denied: IAM Identity Center gives no credentials of role Back up in account 123456789012 (profile "
            "work): ForbiddenException: No access");
  portal_ = {.body = "{}"};
  EXPECT_TRUE(Found(kSession).starts_with("corrupted: "));
}

TEST_F(Sso, IsTheSourceOfARole) {
  Token(kSessionFile, std::chrono::hours(1));
  std::string config = kSession;
  config.replace(config.find("work"), 4, "base");
  portal_.status = 403;
  const std::string said = Found(config + "[profile work]\nrole_arn=arn:r\nsource_profile=base\n");
  EXPECT_NE(said.find("(profile base)"), std::string::npos) << said;
}

struct BadLogin {
  std::string name, config, token, said;
};
class BadLogins : public Sso, public ::testing::WithParamInterface<BadLogin> {};
TEST_P(BadLogins, AreExplained) {
  if (!GetParam().token.empty()) Write(cache() / kSessionFile, GetParam().token);
  const std::string said = Found(GetParam().config);
  EXPECT_NE(said.find(GetParam().said), std::string::npos) << said;
  EXPECT_EQ(said.find("top secret"), std::string::npos) << said;
  EXPECT_EQ(asked_, "");
}
const std::string kRole = "sso_account_id=1\nsso_role_name=r\n";
INSTANTIATE_TEST_SUITE_P(
    Kinds, BadLogins,
    ::testing::Values(
        BadLogin{"NoRole", "[profile work]\nsso_session=corp\nsso_account_id=1\n[sso-session corp]\nsso_region=x\n", "",
                 "has no sso_role_name"},
        BadLogin{"NoSession", "[profile work]\nsso_session=corp\n" + kRole, "", "no section [sso-session corp]"},
        BadLogin{"NoUrl", "[profile work]\nsso_region=x\n" + kRole, "", "has no sso_start_url"},
        BadLogin{"NoRegion", "[profile work]\nsso_start_url=https://x\n" + kRole, "", "has no sso_region"},
        BadLogin{"Contradiction",
                 "[profile work]\nsso_session=corp\nsso_region=a\n" + kRole +
                     "[sso-session corp]\nsso_start_url=u\nsso_region=b\n",
                 "", "different sso_region"},
        BadLogin{"OddRegion", "[profile work]\nsso_start_url=u\nsso_region=a/b\n" + kRole, "", "Region"},
        BadLogin{"NoJson", kSession, "top secret", "is not what `aws sso login` writes"},
        BadLogin{"NoToken", kSession, R"({"expiresAt":"2100-01-01T00:00:00Z","x":"top secret"})",
                 "is not what `aws sso login` writes"},
        BadLogin{"NoTime", kSession, R"({"accessToken":"top secret","expiresAt":"soon"})",
                 "is not what `aws sso login` writes"},
        BadLogin{"TooLarge", kSession, std::string(70'000, ' '), "bytes"}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(Sso, NothingIsSentInTheOpen) {
  Token(kSessionFile, std::chrono::hours(1));
  EXPECT_NE(Found(kSession, {{"AWS_ENDPOINT_URL_SSO", "http://example.com"}}).find("has to be https"),
            std::string::npos);
}

}  // namespace
}  // namespace strongroom::aws_client
