// Requests whose signing key is not in memory, and what guessing learns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "aws/dispatch/direct_for_tests.h"
#include "aws/sigv4/signing_keys.h"

namespace strongroom::aws {
namespace {
using ::testing::HasSubstr;
using testing_kit::Answered;
using testing_kit::Direct;

constexpr std::string_view kBody = R"({"KeyId":"k","Plaintext":"aGk="})";

/// Keys that are fetched from elsewhere, of the one credential that the endpoint knows.
class FakeSource final : public ports::SigningKeySource {
 public:
  std::shared_ptr<const SecretBuffer> Find(const ports::Credential&, const crypto::SigningScope& scope) const override {
    return fetched.contains(std::string(scope.service)) && kept ? key : nullptr;
  }
  Token Judge(std::string_view, std::string_view token, ports::WallTime) const override {
    if (token == "expired") return Token::kExpired;
    return token == "worth" ? Token::kWorthOpening : Token::kForeign;
  }
  Task<Status> Fetch(ports::WantedKey wanted) override {
    ++fetches;
    if (!failure.ok()) co_return failure;
    const SecretBuffer secret = SecretBuffer::CopyOf(AsBytes(testing_kit::kSecret)).value();
    key = std::make_shared<const SecretBuffer>(
        SigningKeyMaker::Derive(secret, wanted.date, wanted.region, wanted.service).value());
    fetched.insert(wanted.service);
    co_return Status();
  }
  int fetches = 0;
  bool kept = true;
  Status failure;
  std::set<std::string> fetched;
  std::shared_ptr<const SecretBuffer> key;
};

class ColdKeys : public ::testing::Test {
 protected:
  void SetUp() override { direct_.credentials.one->secret = {}; }
  /// With the last character of the signature changed.
  static std::string Spoilt(std::string http) {
    char& last = http[http.find("\r\n", http.find("Signature=")) - 1];
    last = last == '0' ? '1' : '0';
    return http;
  }
  std::string Request() const { return direct_.Signed("kms", "TrentService.Encrypt", kBody); }
  static std::string OfAnother(std::string http, const std::string& id) {
    return http.replace(http.find(testing_kit::kKeyId), testing_kit::kKeyId.size(), id);
  }
  static std::string WithToken(std::string http, const std::string& token) {
    http.insert(http.find("Authorization: "), "X-Amz-Security-Token: " + token + "\r\n");
    return http.replace(http.find("x-amz-target,"), 12, "x-amz-security-token;x-amz-target");
  }
  FakeSource source_;
  Direct direct_{1, &source_};
};

TEST_F(ColdKeys, AreFetchedOnceAndThenInMemory) {
  EXPECT_EQ(direct_.Send(Request()).status, 200u);
  EXPECT_EQ(source_.fetches, 1);
  EXPECT_EQ(direct_.Send(Request()).status, 200u);
  EXPECT_EQ(direct_.Send(Spoilt(Request())).status, 400u);
  EXPECT_EQ(source_.fetches, 1);
  EXPECT_EQ(direct_.kms.calls, 2);
}

TEST_F(ColdKeys, ThatCannotBeFetchedAreOurFailureAndNobodysRefusal) {
  source_.failure = Error(Errc::kUnavailable, "The domain cluster is not reachable yet.");
  EXPECT_EQ(direct_.Send(Request()).status, 503u);
  source_.failure = {};
  EXPECT_EQ(direct_.Send(Request()).status, 200u);
  EXPECT_EQ(direct_.kms.calls, 1);
}

TEST_F(ColdKeys, ThatAreLostAgainAreNotFetchedForEver) {
  source_.kept = false;
  EXPECT_EQ(direct_.Send(Request()).status, 503u);
  EXPECT_EQ(source_.fetches, 2);
  EXPECT_EQ(direct_.kms.calls, 0);
}

TEST_F(ColdKeys, OfUnknownAndSwitchedOffKeysAreNotFetched) {
  EXPECT_THAT(direct_.Send(OfAnother(Request(), "AKIAUNKNOWNUNKNOWNUN")).body, HasSubstr("UnrecognizedClient"));
  direct_.credentials.one->active = false;
  EXPECT_THAT(direct_.Send(Request()).body, HasSubstr("UnrecognizedClient"));
  EXPECT_EQ(source_.fetches, 0);
}

TEST_F(ColdKeys, OfForeignAndExpiredTokensAreNotFetched) {
  const std::string unknown = OfAnother(Request(), "ASIAUNKNOWNUNKNOWNUN");
  EXPECT_THAT(direct_.Send(WithToken(unknown, "foreign")).body, HasSubstr("UnrecognizedClient"));
  EXPECT_THAT(direct_.Send(WithToken(unknown, "expired")).body, HasSubstr("ExpiredToken"));
  EXPECT_EQ(source_.fetches, 0);
  source_.failure = Error(Errc::kUnrecognizedClient, "The security token included in the request is invalid.");
  EXPECT_THAT(direct_.Send(WithToken(unknown, "worth")).body, HasSubstr("UnrecognizedClient"));
  EXPECT_EQ(source_.fetches, 1);
}

TEST_F(ColdKeys, UnknownKeyAndWrongSignatureAreHeldBackAlike) {
  // Both are answered no sooner than the first hold after they came; how long they take beyond is the machine's.
  const auto takes = [this](const std::string& http) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(direct_.Send(http).status, 400u);
    return std::chrono::steady_clock::now() - start;
  };
  EXPECT_GE(takes(Spoilt(Request())), FailureBrake::Options().hold) << "a known key, wrong signature";
  EXPECT_GE(takes(OfAnother(Request(), "AKIAUNKNOWNUNKNOWNUN")), FailureBrake::Options().hold) << "an unknown key";
}

}  // namespace
}  // namespace strongroom::aws
