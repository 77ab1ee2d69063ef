// The client of external key store proxies, against one in this process.
#include "xks_client/proxy_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include "xks_client/testing/fake_proxy.h"
#include "xks_protocol/limits.h"

namespace strongroom::xks::testing {
namespace {
using ::testing::HasSubstr;
using namespace std::chrono_literals;

RequestMetadata Metadata(std::string operation) {
  RequestMetadata metadata;
  metadata.aws_principal_arn = "arn:aws:iam::111122223333:root";
  metadata.kms_operation = std::move(operation);
  metadata.kms_request_id = "8f2b7b1a-6a7e-4a55-8b7f-0d8f0a6d3c11";
  return metadata;
}

class XksProxyClient : public ::testing::Test {
 protected:
  XksProxyClient() { loops_.Start(); }
  ~XksProxyClient() override { loops_.Stop(); }

  std::shared_ptr<ProxyClient> Client(const Options& options, std::string endpoint = std::string(FakeProxy::kEndpoint),
                                      std::string_view secret = FakeProxy::kSecret,
                                      std::string path = std::string(FakeProxy::kPath)) {
    auto network = Network::Make(options);
    EXPECT_TRUE(network.ok()) << network.error();
    ProxySettings settings{.endpoint = std::move(endpoint),
                           .path = std::move(path),
                           .region = "eu-central-1",
                           .access_key_id = std::string(FakeProxy::kAccessKeyId),
                           .secret = SecretBuffer::CopyOf(AsBytes(secret)).value()};
    auto client = ProxyClient::Make(*network, std::move(settings));
    EXPECT_TRUE(client.ok());
    return *client;
  }
  std::shared_ptr<ProxyClient> Client() { return Client(proxy_.options()); }

  template <typename T>
  static Task<void> Keep(Task<T> task, std::optional<T>& out) {
    out.emplace(co_await std::move(task));
  }
  template <typename T>
  T Run(Task<T> task) {
    std::optional<T> out;
    boost::asio::co_spawn(loops_.at(0), Keep(std::move(task), out), boost::asio::use_future).get();
    return std::move(*out);
  }
  /// The failure of a health check; nothing when it succeeds.
  std::optional<Failed> Check(const std::shared_ptr<ProxyClient>& client) {
    const auto health = Run(client->GetHealthStatus(Metadata("KmsHealthCheck")));
    if (health.ok()) return std::nullopt;
    return health.failed();
  }

  FakeProxy proxy_;
  aws::LoopGroup loops_{1};
};

TEST_F(XksProxyClient, EncryptsAndDecryptsWithTheExternalKey) {
  proxy_.SetKey("key-1", {"AES_256", {"ENCRYPT", "DECRYPT"}, "ENABLED"}, Bytes{1, 2, 3});
  const auto client = Client();
  const Bytes plain(4300, 7), aad(8192, 3);
  auto sealed = Run(client->Encrypt("key-1", Metadata("Encrypt"), plain, aad));
  ASSERT_TRUE(sealed.ok()) << sealed.failed().detail;
  EXPECT_EQ(sealed->metadata, (Bytes{1, 2, 3}));
  EXPECT_NE(sealed->ciphertext, plain);
  auto opened = Run(client->Decrypt("key-1", Metadata("Decrypt"), *sealed, aad));
  ASSERT_TRUE(opened.ok()) << opened.failed().detail;
  EXPECT_EQ(*opened, plain);
  opened = Run(client->Decrypt("key-1", Metadata("Decrypt"), *sealed, Bytes{1}));
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.failed().failure, Failure::kInvalidCiphertext);
  EXPECT_EQ(proxy_.connections(), 1u) << "the connection is kept";
  const auto seen = proxy_.TakeSeen();
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0].target, "/prefix/kms/xks/v1/keys/key-1/encrypt");
  EXPECT_EQ(seen[0].host, "localhost");
}

TEST_F(XksProxyClient, ReadsKeyMetadataAndHealth) {
  proxy_.SetKey("k", {"AES_256", {"ENCRYPT"}, "DISABLED"});
  const auto client = Client();
  auto metadata = Run(client->GetKeyMetadata("k", Metadata("CreateKey")));
  ASSERT_TRUE(metadata.ok()) << metadata.failed().detail;
  EXPECT_EQ(metadata->key_status, "DISABLED");
  metadata = Run(client->GetKeyMetadata("other", Metadata("CreateKey")));
  ASSERT_FALSE(metadata.ok());
  EXPECT_EQ(metadata.failed().failure, Failure::kKeyNotFound);
  EXPECT_FALSE(Check(client).has_value());
  proxy_.SetHealth(Health::kDegraded);
  EXPECT_FALSE(Check(client).has_value());
  proxy_.SetHealth(Health::kUnavailable);
  EXPECT_EQ(Check(client)->failure, Failure::kUnhealthy);
}

struct ErrorRow {
  std::string name;
  FakeProxy::Script script;
  Failure want;
};
FakeProxy::Script Named(ErrorName error) { return {FormOf(error).http_status, WriteError(error, "because")}; }
const ErrorRow kErrorRows[] = {
    {"Validation", Named(ErrorName::kValidation), Failure::kInvalidResponse},
    {"InvalidState", Named(ErrorName::kInvalidState), Failure::kInvalidState},
    {"InvalidKeyUsage", Named(ErrorName::kInvalidKeyUsage), Failure::kInvalidKeyUsage},
    {"InvalidCiphertext", Named(ErrorName::kInvalidCiphertext), Failure::kInvalidCiphertext},
    {"AuthenticationFailed", Named(ErrorName::kAuthenticationFailed), Failure::kBadCredential},
    {"AccessDenied", Named(ErrorName::kAccessDenied), Failure::kAccessDenied},
    {"KeyNotFound", Named(ErrorName::kKeyNotFound), Failure::kKeyNotFound},
    {"InvalidUriPath", Named(ErrorName::kInvalidUriPath), Failure::kInvalidUriPath},
    {"Throttling", Named(ErrorName::kThrottling), Failure::kThrottled},
    {"Internal", Named(ErrorName::kInternal), Failure::kInternal},
    {"UnsupportedOperation", Named(ErrorName::kUnsupportedOperation), Failure::kUnsupported},
    {"DependencyTimeout", Named(ErrorName::kDependencyTimeout), Failure::kTimedOut},
    {"UnknownError", {400, R"({"errorName":"NewException"})"}, Failure::kInvalidResponse},
    {"NameWithOtherStatus", {500, R"({"errorName":"KeyNotFoundException"})"}, Failure::kInvalidResponse},
    {"LoadBalancer", {503, "<html>no upstream</html>"}, Failure::kInvalidResponse},
    {"Redirect", {302, "elsewhere"}, Failure::kInvalidResponse},
    {"Garbage", {200, "not json"}, Failure::kInvalidResponse},
    {"EmptyObject", {200, "{}"}, Failure::kInvalidResponse},
    {"Oversize", {200, "{\"x\":\"" + std::string(kMostBodyBytes, 'x') + "\"}"}, Failure::kInvalidResponse},
};
void PrintTo(const ErrorRow& row, std::ostream* out) { *out << row.name; }
class XksProxyError : public XksProxyClient, public ::testing::WithParamInterface<ErrorRow> {};
TEST_P(XksProxyError, IsToldApart) {
  proxy_.AnswerNext({GetParam().script});
  const auto client = Client();
  const auto failed = Check(client);
  ASSERT_TRUE(failed.has_value());
  EXPECT_EQ(failed->failure, GetParam().want) << failed->detail;
  EXPECT_FALSE(Check(client).has_value()) << "the next call is none the worse for it";
}
INSTANTIATE_TEST_SUITE_P(Answers, XksProxyError, ::testing::ValuesIn(kErrorRows),
                         [](const auto& info) { return info.param.name; });

TEST_F(XksProxyClient, OtherSecretIsNotAuthenticated) {
  EXPECT_EQ(Check(Client(proxy_.options(), std::string(FakeProxy::kEndpoint), std::string(43, 'x')))->failure,
            Failure::kBadCredential);
}

TEST_F(XksProxyClient, SlowProxyIsGivenUp) {
  Options options = proxy_.options();
  options.answer_timeout = 150ms;
  const auto client = Client(options);
  // Only while the answer is outstanding: what it takes to connect does not count.
  proxy_.AnswerNext({{.delay = 1s}});
  const auto failed = Check(client);
  ASSERT_TRUE(failed.has_value());
  EXPECT_EQ(failed->failure, Failure::kTimedOut) << failed->detail;
}

TEST_F(XksProxyClient, ConnectionThatProxyClosedIsReplaced) {
  const auto client = Client();
  EXPECT_FALSE(Check(client).has_value());
  proxy_.StopListening();
  proxy_.Listen();
  EXPECT_FALSE(Check(client).has_value());
  proxy_.AnswerNext({{.close = true}});
  EXPECT_FALSE(Check(client).has_value());
  EXPECT_FALSE(Check(client).has_value());
}

TEST_F(XksProxyClient, OutageIsNotReachableAndEndsByItself) {
  const auto client = Client();
  EXPECT_FALSE(Check(client).has_value());
  proxy_.StopListening();
  EXPECT_EQ(Check(client)->failure, Failure::kNotReachable);
  proxy_.Listen();
  EXPECT_FALSE(Check(client).has_value());
}

TEST_F(XksProxyClient, CertificateMustBeTrustedAndForTheHost) {
  Options options = proxy_.options();
  options.ca_file.clear();
  auto failed = Check(Client(options));
  ASSERT_TRUE(failed.has_value());
  EXPECT_EQ(failed->failure, Failure::kTls) << failed->detail;
  EXPECT_THAT(failed->detail, HasSubstr("certificate"));
  options = proxy_.options();
  options.hosts["proxy.example.com"] = options.hosts["localhost"];
  failed = Check(Client(options, "https://proxy.example.com"));
  ASSERT_TRUE(failed.has_value());
  EXPECT_EQ(failed->failure, Failure::kTls) << failed->detail;
}

TEST_F(XksProxyClient, LoopbackIsNoPlaceForAProxyUnlessConfigured) {
  Options options = proxy_.options();
  options.hosts.clear();
  const auto failed = Check(Client(options));
  ASSERT_TRUE(failed.has_value());
  EXPECT_EQ(failed->failure, Failure::kNotReachable);
  EXPECT_THAT(failed->detail, HasSubstr("where no proxy may be"));
}

TEST_F(XksProxyClient, HostThatDnsDoesNotKnowIsNotReachable) {
  EXPECT_EQ(Check(Client(proxy_.options(), "https://no-such-host.invalid"))->failure, Failure::kNotReachable);
}

TEST(XksHostOf, TakesHostsOnly) {
  EXPECT_EQ(HostOf("https://proxy.example.com").value(), "proxy.example.com");
  for (const std::string_view bad : {"http://a", "https://", "https://a:1", "https://a/b", "https://u@a", "a"})
    EXPECT_FALSE(HostOf(bad).ok()) << bad;
}

}  // namespace
}  // namespace strongroom::xks::testing
