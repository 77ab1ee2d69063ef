// Configuration and credentials files, with everything odd that they may hold; and where endpoints come from.
#include <gtest/gtest.h>

#include <fstream>

#include "aws_client/config.h"
#include "aws_client/ini_file.h"
#include "base/testing/temporary_directory.h"

namespace strongroom::aws_client {
namespace {

/// "section|name=value|..." of all that was read; the error's text otherwise.
std::string Shown(const Result<IniFile>& file) {
  if (!file.ok()) return file.error().public_message();
  std::string text;
  for (const auto& [section, settings] : *file) {
    text += "[" + section + "]";
    for (const auto& [name, value] : settings) text += name + "=" + std::string(TextOf(value)) + "|";
  }
  return text;
}

struct IniCase {
  std::string name, text, expected;
};
class Ini : public ::testing::TestWithParam<IniCase> {};
TEST_P(Ini, Read) { EXPECT_EQ(Shown(ParseIni(GetParam().text, "F")), GetParam().expected); }
INSTANTIATE_TEST_SUITE_P(
    Texts, Ini,
    ::testing::Values(IniCase{"Empty", "", ""},
                      IniCase{"Plain", "[default]\nregion = eu-west-1\n", "[default]region=eu-west-1|"},
                      IniCase{"NoLastLineEnd", "[a]\nx=1", "[a]x=1|"},
                      IniCase{"Windows", "\xef\xbb\xbf[a]\r\nx = 1\r\n", "[a]x=1|"},
                      IniCase{"Comments", "# c\n; c\n[a] # c\nx=1 # c\ny=a#b;c\nz=;c\n", "[a]x=1|y=a#b;c|z=|"},
                      IniCase{"EqualsInValue", "[a]\nkey = ab/c+d==\n", "[a]key=ab/c+d==|"},
                      IniCase{"UpperCaseNames", "[A]\nRegion=X\n", "[A]region=X|"},
                      IniCase{"Later", "[a]\nx=1\n[b]\n[a]\nx=2\ny=3\n", "[a]x=2|y=3|[b]"},
                      IniCase{"Quotes", "[profile \"with space\"]\nx=1\n", "[profile with space]x=1|"},
                      IniCase{"Nested", "[a]\ns3 =\n  addressing_style = path\n\tx=1\nregion=r\n",
                              "[a]region=r|s3=|s3.addressing_style=path|s3.x=1|"},
                      IniCase{"AllIndented", "[a]\n  x=1\n  s3=\n    y=2\n  z=3\n", "[a]s3=|s3.y=2|x=1|z=3|"},
                      IniCase{"BeforeAnySection", "x=1\n", "F, line 1 comes before the first section."},
                      IniCase{"NoEquals", "[a]\n\nsecret\n", "F, line 3 is neither a section nor \"name = value\"."},
                      IniCase{"NoName", "[a]\n= secret\n", "F, line 2 has no name before the equals sign."},
                      IniCase{"OpenSection", "[a\n", "F, line 1 begins a section without the closing bracket."},
                      IniCase{"AfterSection", "[a] b\n", "F, line 1 goes on after the closing bracket."},
                      IniCase{"NamelessSection", "[]\n", "F, line 1 is a section without a name."},
                      IniCase{"NestedUnderValue", "[a]\nx=1\n  y=2\n",
                              "F, line 3 is indented, but what it belongs to has a value of its own."},
                      IniCase{"ZeroByte", std::string("[a]\nx=\0\n", 8), "F, line 2 holds a zero byte."}),
    [](const auto& tested) { return tested.param.name; });

class Settings : public ::testing::Test {
 protected:
  void Write(const char* name, std::string_view text) const { std::ofstream(directory_.path() / name) << text; }
  Result<Config> Load(std::map<std::string, std::string, std::less<>> variables = {},
                      std::string_view profile = "") const {
    variables.emplace("AWS_CONFIG_FILE", (directory_.path() / "config").string());
    variables.emplace("AWS_SHARED_CREDENTIALS_FILE", (directory_.path() / "credentials").string());
    return LoadConfig(EnvironmentOf(std::move(variables)), profile);
  }
  TemporaryDirectory directory_;
};

TEST_F(Settings, NothingIsThere) {
  const auto config = Load();
  ASSERT_TRUE(config.ok()) << config.error();
  EXPECT_EQ(config->profile, "default");
  EXPECT_EQ(config->region, "");
  EXPECT_FALSE(config->max_attempts);
}

TEST_F(Settings, FilesAreInTheHomeDirectory) {
  std::filesystem::create_directory(directory_.path() / ".aws");
  Write(".aws/config", "[default]\nregion = eu-west-3\n");
  const auto config = LoadConfig(EnvironmentOf({{"HOME", directory_.path().string()}}));
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->region, "eu-west-3");
}

TEST_F(Settings, EnvironmentBeforeProfile) {
  Write("config",
        "[default]\nregion=a\n[profile work]\nregion=eu-west-1\nmax_attempts=7\nca_bundle=/ca\nretry_mode=adaptive\n"
        "s3=\n  addressing_style=virtual\n");
  EXPECT_EQ(Load()->region, "a");
  const auto work = Load({{"AWS_PROFILE", "work"}});
  EXPECT_EQ(work->region, "eu-west-1");
  EXPECT_EQ(work->max_attempts, 7);
  EXPECT_EQ(work->ca_bundle, "/ca");
  EXPECT_EQ(work->addressing, Addressing::kVirtual);
  EXPECT_FALSE(work->profile_by_caller);
  const auto both = Load(
      {{"AWS_REGION", "r1"}, {"AWS_DEFAULT_REGION", "r2"}, {"AWS_MAX_ATTEMPTS", "2"}, {"AWS_CA_BUNDLE", "/b"}}, "work");
  EXPECT_EQ(both->region, "r1");
  EXPECT_EQ(both->max_attempts, 2);
  EXPECT_EQ(both->ca_bundle, "/b");
  EXPECT_TRUE(both->profile_by_caller);
}

TEST_F(Settings, WhatIsWrongIsSaid) {
  struct Row {
    std::string text;
    std::map<std::string, std::string, std::less<>> variables;
    std::string in_message;
  };
  const std::vector<Row> rows{{"", {{"AWS_PROFILE", "none"}}, "There is no profile none"},
                              {"", {{"AWS_MAX_ATTEMPTS", "many"}}, "AWS_MAX_ATTEMPTS"},
                              {"", {{"AWS_MAX_ATTEMPTS", "0"}}, "AWS_MAX_ATTEMPTS"},
                              {"", {{"AWS_RETRY_MODE", "x"}}, "AWS_RETRY_MODE"},
                              {"", {{"AWS_REGION", "eu_west"}}, "Region"},
                              {"", {{"AWS_REGION", "x/../y"}}, "Region"},
                              {"[default]\ns3=\n x=1\n addressing_style=both\n", {}, "addressing_style"},
                              {"[default\n", {}, "line 1"}};
  for (const Row& row : rows) {
    Write("config", row.text);
    const auto config = Load(row.variables);
    ASSERT_FALSE(config.ok()) << row.in_message;
    EXPECT_NE(config.error().public_message().find(row.in_message), std::string::npos) << config.error();
  }
}

TEST_F(Settings, EndpointUrls) {
  Write(
      "config",
      "[default]\nendpoint_url=https://all\nservices=mine\n[services mine]\nkms=\n  endpoint_url=https://kms.mine\n"
      "[profile lost]\nservices=none\n[profile off]\nendpoint_url=https://all\nignore_configured_endpoint_urls=true\n");
  EXPECT_EQ(Load()->EndpointUrl("kms").value(), "https://kms.mine");
  EXPECT_EQ(Load()->EndpointUrl("s3").value(), "https://all");
  EXPECT_EQ(Load({{"AWS_ENDPOINT_URL", "https://env"}})->EndpointUrl("kms").value(), "https://env");
  EXPECT_EQ(
      Load({{"AWS_ENDPOINT_URL", "https://env"}, {"AWS_ENDPOINT_URL_S3", "https://s3"}})->EndpointUrl("s3").value(),
      "https://s3");
  EXPECT_EQ(Load({{"AWS_ENDPOINT_URL", "https://env"}, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}})
                ->EndpointUrl("s3")
                .value(),
            std::nullopt);
  EXPECT_EQ(Load({}, "off")->EndpointUrl("s3").value(), std::nullopt);
  EXPECT_EQ(Load({}, "lost")->EndpointUrl("s3").error().code(), Errc::kInvalidArgument);
}

TEST(EndpointTest, Table) {
  struct Row {
    std::string url, shown, host;
  };
  for (const Row& row :
       {Row{"https://h", "https://h", "h"}, Row{"https://h:443/", "https://h", "h"},
        Row{"http://127.0.0.1:80/", "http://127.0.0.1", "127.0.0.1"},
        Row{"https://h:8443/a/b/", "https://h:8443/a/b", "h"}, Row{"http://[::1]:9000", "http://[::1]:9000", "::1"}}) {
    const auto endpoint = ParseEndpoint(row.url);
    ASSERT_TRUE(endpoint.ok()) << row.url;
    EXPECT_EQ(endpoint->Url(), row.shown);
    EXPECT_EQ(endpoint->HostName(), row.host);
  }
  for (const char* bad : {"", "h", "ftp://h", "https://", "https:///x", "https://u:p@h", "https://h:0",
                          "https://h:65536", "https://h:x", "https://h?x", "https://h/a b", "https://h/%41",
                          "https://[::1", "https://[x]", "https://h\n", "https://h:80:80", "HTTPS://h"}) {
    EXPECT_EQ(ParseEndpoint(bad).error().code(), Errc::kInvalidArgument) << bad;
  }
  EXPECT_EQ(DefaultEndpoint("kms", "eu-central-1")->Url(), "https://kms.eu-central-1.amazonaws.com");
  EXPECT_EQ(DefaultEndpoint("s3", "cn-north-1")->Url(), "https://s3.cn-north-1.amazonaws.com.cn");
  EXPECT_EQ(DefaultEndpoint("s3", "").error().code(), Errc::kInvalidArgument);
  for (const char* fine : {"https://kms.example.com", "http://127.0.0.9:8080", "http://[::1]", "http://localhost:1"}) {
    EXPECT_TRUE(MustBePrivate(*ParseEndpoint(fine), "KMS").ok()) << fine;
  }
  for (const char* bare : {"http://kms.example.com", "http://10.0.0.1:8080", "http://[fe80::1]"}) {
    EXPECT_EQ(MustBePrivate(*ParseEndpoint(bare), "KMS").error().code(), Errc::kInvalidArgument) << bare;
  }
}

}  // namespace
}  // namespace strongroom::aws_client
