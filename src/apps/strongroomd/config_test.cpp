#include "apps/strongroomd/config.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/testing/temporary_directory.h"

namespace strongroom::service {
namespace {

constexpr std::string_view kComplete = R"(
[https]
address = "127.81.4.1"
port = 8443
[network]
prefix = "127.81.4"
[[host]]
id = "host-1"
address = "127.81.4.1"
certificate = "host/control.crt"
[account]
id = "111122223333"
)";

class ConfigFile {
 public:
  explicit ConfigFile(std::string_view text) { std::ofstream(path()) << text; }
  std::filesystem::path path() const { return directory_.path() / "c.toml"; }

 private:
  TemporaryDirectory directory_;
};

TEST(Config, FillsInWhatIsNotSaid) {
  const ConfigFile file(kComplete);
  const auto config = LoadConfig(file.path(), "/data");
  ASSERT_TRUE(config.ok()) << config.error();
  EXPECT_EQ(config->https.port, 8443);
  EXPECT_EQ(config->https.certificate, "/data/tls/server.crt");
  EXPECT_EQ(config->hosts.at(0).network, "127.81.4");
  EXPECT_EQ(config->hosts.at(0).port, 2224);
  EXPECT_EQ(config->hosts.at(0).certificate, "/data/host/control.crt");
  EXPECT_EQ(config->limits.hsms, 6);
  EXPECT_EQ(config->kms.grants_per_key, 50'000);
  EXPECT_EQ(config->kms.throttling, "off");
  EXPECT_EQ(config->kms.sm2, "off");
  EXPECT_EQ(config->lock_memory, "try");
  EXPECT_EQ(config->log_level, "info");
}

struct Row {
  std::string name, text, want;  // FILE stands for the file's name
};

std::string With(std::string_view more) { return std::string(kComplete) + std::string(more); }

const Row kRows[] = {
    {"NotToml", "[https\n", "FILE:1: "},
    {"UnknownSection", With("[colour]\nx = 1\n"), "FILE:13: unknown key 'colour'"},
    {"UnknownKey", With("[log]\nlevle = \"info\"\n"), "FILE:14: unknown key 'log.levle'"},
    {"UnknownTopLevelKey", "port = 1\n" + std::string(kComplete), "FILE:1: unknown key 'port'"},
    {"TextForNumber", With("[limits]\nhsms = \"six\"\n"),
     "FILE:14: 'limits.hsms' must be a whole number from 1 to 1000000"},
    {"NumberForText", With("[log]\nlevel = 3\n"), "FILE:14: 'log.level' must be a text that is not empty"},
    {"OutOfRange", With("[limits]\nhsms_per_cluster = 29\n"),
     "FILE:14: 'limits.hsms_per_cluster' must be a whole number from 1 to 28"},
    {"SectionAsValue", "limits = 3\n" + std::string(kComplete), "FILE:1: write [limits] and its keys below"},
    {"HostAsTable", "[host]\nid = \"x\"\n", "FILE:1: write [[host]], once for each host"},
    {"HostWithoutCertificate", With("[[host]]\nid = \"b\"\naddress = \"127.81.4.2\"\n"),
     "FILE:13: 'host.certificate' is missing"},
    {"HostTwice", With("[[host]]\nid = \"host-1\"\naddress = \"127.81.4.2\"\ncertificate = \"x\"\n"),
     "FILE:13: host 'host-1' is listed twice"},
    {"BadNetwork", With("[[host]]\nid = \"b\"\naddress = \"127.81.4.2\"\ncertificate = \"x\"\nnetwork = \"ten\"\n"),
     "FILE:13: 'host.network' must be like 127.81.4"},
    {"RegionsAsText", "[account]\nid = \"111122223333\"\nregions = \"eu\"\n",
     "FILE:3: 'account.regions' must be a list of texts"},
    {"NoAccountId", "[account]\nname = \"x\"\n", "FILE:1: 'account.id' is missing"},
    {"NoHost", "[account]\nid = \"111122223333\"\n", "FILE: at least one [[host]] is needed"},
    {"ShortAccount", "[account]\nid = \"1\"\n", "FILE: 'account.id' must be 12 digits"},
    {"QuotaOfNothing", With("[kms]\ngrants_per_key = 0\n"),
     "FILE:14: 'kms.grants_per_key' must be a whole number from 1 to 1000000000"},
    {"BadAuditThrottling", With("[audit]\nthrottling = \"some\"\n"),
     "FILE: 'audit.throttling' must be \"off\" or \"aws\""},
    {"DeliveryWithoutABucket", With("[audit]\ns3_region = \"eu-central-1\"\n"),
     "FILE:13: 'audit.s3_bucket': say which, or leave the other settings for it out"},
    {"BucketWithAPath", With("[audit]\ns3_bucket = \"trail/here\"\n"),
     "FILE:14: 'audit.s3_bucket': a bucket's name has no slash; what follows it is s3_prefix"},
    {"BadBucketRegion", With("[audit]\ns3_bucket = \"trail\"\ns3_region = \"eu/central\"\n"),
     "FILE:15: 'audit.s3_region': The Region's name is not made of lower-case letters, digits and hyphens."},
    {"BadBucketEndpoint", With("[audit]\ns3_bucket = \"trail\"\ns3_endpoint = \"ftp://x\"\n"),
     "FILE:15: 'audit.s3_endpoint': The endpoint is not http(s)://host[:port][/path]: it begins otherwise."},
    {"DeliveryTooSeldom", With("[audit]\ns3_bucket = \"trail\"\ns3_minutes = 61\n"),
     "FILE:15: 'audit.s3_minutes' must be a whole number from 1 to 60"},
    {"BadThrottling", With("[kms]\nthrottling = \"some\"\n"), "FILE: 'kms.throttling' must be \"off\" or \"aws\""},
    {"BadSm2", With("[kms]\nsm2 = \"yes\"\n"), "FILE: 'kms.sm2' must be \"off\" or \"on\""},
    {"BadLockMemory", With("[service]\nlock_memory = \"yes\"\n"),
     "FILE: 'service.lock_memory' must be \"try\" or \"require\""},
    {"BadXksNetwork", With("[xks]\nnetworks = \"10.0.0.0/8 ten\"\n"),
     "FILE:14: 'xks.networks': 'ten' is no network like 10.0.0.0/8"},
    {"BadXksHost", With("[xks]\nhosts = \"proxy=elsewhere\"\n"),
     "FILE:14: 'xks.hosts': 'elsewhere' is no IP address with a port"},
    {"BadXksTimeout", With("[xks]\ntimeout_ms = 0\n"),
     "FILE:14: 'xks.timeout_ms' must be a whole number from 1 to 60000"},
    {"BadLevel", With("[log]\nlevel = \"loud\"\n"),
     "FILE: 'log.level' must be one of trace, debug, info, warn, error, off"},
};

class ConfigRefusals : public ::testing::TestWithParam<Row> {};

TEST_P(ConfigRefusals, NameTheLine) {
  const ConfigFile file(GetParam().text);
  const auto config = LoadConfig(file.path(), "/data");
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().code(), Errc::kInvalidArgument);
  std::string want = GetParam().want;
  want.replace(want.find("FILE"), 4, file.path().string());
  EXPECT_EQ(config.error().public_message().substr(0, want.size()), want);
  if (GetParam().name != "NotToml") {
    EXPECT_EQ(config.error().public_message(), want);
  }
}

INSTANTIATE_TEST_SUITE_P(Strongroomd, ConfigRefusals, ::testing::ValuesIn(kRows),
                         [](const auto& tested) { return tested.param.name; });

TEST(Config, WhereTheTrailIsDeliveredTo) {
  const ConfigFile file(With("[audit]\ns3_bucket = \"trail\"\ns3_prefix = \"a/b\"\ns3_ca_file = \"ca.pem\"\n"));
  const auto config = LoadConfig(file.path(), "/data");
  ASSERT_TRUE(config.ok()) << config.error();
  EXPECT_EQ(config->audit.s3.prefix, "a/b/");
  EXPECT_EQ(config->audit.s3.ca_file, "/data/ca.pem");
  EXPECT_EQ(config->audit.s3.minutes, 5);
}

TEST(Config, MissingFileIsSaid) { EXPECT_EQ(LoadConfig("/nowhere/c.toml", "/data").error().code(), Errc::kNotFound); }

}  // namespace
}  // namespace strongroom::service
