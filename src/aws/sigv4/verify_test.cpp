#include "aws/sigv4/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "aws/dispatch/fake_service_for_tests.h"
#include "aws/sigv4/text_request_for_tests.h"
#include "crypto/hash.h"

namespace strongroom::aws {
namespace {
namespace fs = std::filesystem;
using testing_kit::TextRequest;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

struct VectorCase {
  std::string name;
  fs::path folder;
};
std::vector<VectorCase> Cases() {
  std::vector<VectorCase> cases;
  for (const auto& entry : fs::directory_iterator(fs::path(STRONGROOM_VECTORS) / "sigv4")) {
    if (!entry.is_directory()) continue;
    std::string name = entry.path().filename();
    std::ranges::replace(name, '-', '_');
    cases.push_back({name, entry.path()});
  }
  std::ranges::sort(cases, {}, &VectorCase::name);
  return cases;
}

class SigV4Vectors : public ::testing::TestWithParam<VectorCase> {
 protected:
  void SetUp() override {
    const auto context = boost::json::parse(ReadFile(GetParam().folder / "context.json"));
    const auto text = [&](const boost::json::value& value) { return std::string(value.as_string()); };
    const auto& who = context.at("credentials");
    credentials_.one =
        testing_kit::FakeCredentials::Make(text(who.at("access_key_id")), text(who.at("secret_access_key")));
    if (const auto* token = who.as_object().if_contains("token")) {
      credentials_.one->session_token_sha256 = crypto::Sha256(AsBytes(text(*token)));
    }
    regions_ = {text(context.at("region"))};
    service_ = text(context.at("service"));
    normalize_ = context.at("normalize").as_bool();
    verifier_ = SigV4Verifier::Create(credentials_, 1).value();
  }
  Result<Verified> Verify(TextRequest& request) {
    const VerifyOptions options{.regions = regions_,
                                .service = service_,
                                .presigned = Presigned::kAllowed,
                                .path_form = normalize_ ? PathForm::kNormalized : PathForm::kAsSent};
    return verifier_->Verify(request.View(), options, *ParseBasicTime("20150830T123600Z"));
  }
  void ExpectRefused(TextRequest request, const std::string& what) {
    auto result = Verify(request);
    ASSERT_FALSE(result.ok()) << what;
    EXPECT_EQ(result.error().code(), Errc::kInvalidSignature) << what << ": " << result.error();
  }
  void FlipEverything(const TextRequest& good) {
    TextRequest changed = good;
    changed.method = "PUT";
    ExpectRefused(changed, "method");
    changed = good;
    changed.target.insert(1, "x/");
    ExpectRefused(changed, "path");
    changed = good;
    changed.target += changed.target.find('?') == std::string::npos ? "?added=1" : "&added=1";
    ExpectRefused(changed, "query");
    changed = good;
    changed.Header("Host") += "x";
    ExpectRefused(changed, "host");
    changed = good;
    changed.body += "x";
    ExpectRefused(changed, "body");
  }

  testing_kit::FakeCredentials credentials_;
  std::vector<std::string> regions_;
  std::string service_;
  bool normalize_ = true;
  std::unique_ptr<SigV4Verifier> verifier_;
};

TEST_P(SigV4Vectors, HeaderFormVerifiesAndAnyChangeIsRefused) {
  TextRequest request(ReadFile(GetParam().folder / "header-signed-request.txt"));
  auto result = Verify(request);
  ASSERT_TRUE(result.ok()) << result.error();
  EXPECT_EQ(result->region, "us-east-1");
  FlipEverything(request);
  TextRequest changed = request;
  changed.Header("Authorization").back() ^= 1;
  ExpectRefused(changed, "signature");
}

TEST_P(SigV4Vectors, PresignedFormVerifiesAndAnyChangeIsRefused) {
  TextRequest request(ReadFile(GetParam().folder / "query-signed-request.txt"));
  auto result = Verify(request);
  ASSERT_TRUE(result.ok()) << result.error();
  FlipEverything(request);
}
INSTANTIATE_TEST_SUITE_P(SigV4, SigV4Vectors, ::testing::ValuesIn(Cases()),
                         [](const auto& row) { return row.param.name; });

// spec/kms.md 1.5, row by row.
struct Row {
  std::string name;
  void (*change)(TextRequest&);
  Errc code;
  std::string text;
};
void SetAuth(TextRequest& request, const std::string& from, const std::string& to) {
  std::string& value = request.Header("Authorization");
  const std::size_t at = value.find(from);
  ASSERT_NE(at, std::string::npos);
  value.replace(at, from.size(), to);
}
const Row kRows[] = {
    {"UnchangedIsAccepted", [](TextRequest&) {}, Errc::kCount_, ""},
    {"Row1NoHeader", [](TextRequest& r) { r.Drop("Authorization"); }, Errc::kMissingAuthentication,
     "Missing Authentication Token"},
    {"Row2OtherScheme", [](TextRequest& r) { r.Header("Authorization") = "Basic YWJj"; }, Errc::kIncompleteSignature,
     "'YWJj' not a valid key=value pair (missing equal-sign) in Authorization header: 'Basic YWJj'."},
    {"Row2ElementWithoutEquals", [](TextRequest& r) { r.Header("Authorization") = "AWS4-HMAC-SHA256 Credential"; },
     Errc::kIncompleteSignature,
     "'Credential' not a valid key=value pair (missing equal-sign) in Authorization header: 'AWS4-HMAC-SHA256 "
     "Credential'."},
    {"Row3EverythingMissing",
     [](TextRequest& r) {
       r.Header("Authorization") = "AWS4-HMAC-SHA256 ";
       r.Drop("X-Amz-Date");
     },
     Errc::kIncompleteSignature,
     "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. "
     "Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a "
     "'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256 "},
    {"Row4FourParts", [](TextRequest& r) { SetAuth(r, "/aws4_request", ""); }, Errc::kIncompleteSignature,
     "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got: "
     "'AKIATESTTESTTESTTEST/20260301/eu-central-1/kms'"},
    {"Row5BadDate", [](TextRequest& r) { r.Header("X-Amz-Date") = "yesterday"; }, Errc::kIncompleteSignature,
     "Date must be in ISO-8601 'basic format'. Got 'yesterday'. See http://en.wikipedia.org/wiki/ISO_8601"},
    {"Row5NoSuchDay", [](TextRequest& r) { r.Header("X-Amz-Date") = "20260230T120000Z"; }, Errc::kIncompleteSignature,
     "Date must be in ISO-8601 'basic format'. Got '20260230T120000Z'. See http://en.wikipedia.org/wiki/ISO_8601"},
    {"Row6AllThreeWrong", [](TextRequest& r) { SetAuth(r, "eu-central-1/kms/aws4_request", "moon/s3/aws5"); },
     Errc::kInvalidSignature,
     "Credential should be scoped to a valid region, not 'moon'. Credential should be scoped to correct service: "
     "'kms'. Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'. "},
    {"Row7OtherDay", [](TextRequest& r) { SetAuth(r, "/20260301/", "/20260228/"); }, Errc::kInvalidSignature,
     "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260228' != "
     "'20260301', from '20260301T120000Z'."},
    {"Row8HostUnsigned", [](TextRequest& r) { SetAuth(r, "SignedHeaders=content-type;host;", "SignedHeaders="); },
     Errc::kInvalidSignature, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
    {"Row8AmzHeaderUnsigned", [](TextRequest& r) { r.Header("X-Amz-Extra") = "1"; }, Errc::kInvalidSignature,
     "'x-amz-extra' must be a 'SignedHeader' in the AWS Authorization."},
    {"Row9TooOld", [](TextRequest& r) { r.Header("X-Amz-Date") = "20260301T115459Z"; }, Errc::kInvalidSignature,
     "Signature expired: 20260301T115459Z is now earlier than 20260301T115500Z (20260301T120000Z - 5 min.)"},
    {"Row10TooNew", [](TextRequest& r) { r.Header("X-Amz-Date") = "20260301T120501Z"; }, Errc::kInvalidSignature,
     "Signature not yet current: 20260301T120501Z is still later than 20260301T120500Z (20260301T120000Z + 5 min.)"},
    {"Row11UnknownKey", [](TextRequest& r) { SetAuth(r, "AKIATEST", "AKIABEST"); }, Errc::kUnrecognizedClient,
     "The security token included in the request is invalid."},
    {"Row11TokenOnPermanentKey",
     [](TextRequest& r) {
       r.Header("X-Amz-Security-Token") = "abc";
       SetAuth(r, "x-amz-target", "x-amz-security-token;x-amz-target");
     },
     Errc::kUnrecognizedClient, "The security token included in the request is invalid."},
    {"Row13OtherBody", [](TextRequest& r) { r.body = "{ }"; }, Errc::kInvalidSignature,
     "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
     "and signing method. Consult the service documentation for details."},
};
class SigV4Rows : public ::testing::TestWithParam<Row> {};
TEST_P(SigV4Rows, AnswersAsTheRowSays) {
  testing_kit::FakeEndpoint endpoint;
  TextRequest request(endpoint.Signed("kms", "TrentService.Encrypt", "{}"));
  GetParam().change(request);
  auto verifier = SigV4Verifier::Create(endpoint.credentials, 1).value();
  const std::vector<std::string> regions{"eu-central-1"};
  auto result = verifier->Verify(request.View(), {.regions = regions, .service = "kms"}, endpoint.clock.now);
  if (GetParam().code == Errc::kCount_) {
    ASSERT_TRUE(result.ok()) << result.error();
    return;
  }
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), GetParam().code);
  EXPECT_EQ(result.error().public_message(), GetParam().text);
}
INSTANTIATE_TEST_SUITE_P(SigV4, SigV4Rows, ::testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

TEST(SigV4, ExpiredSessionIsToldFromABadToken) {
  testing_kit::FakeEndpoint endpoint;
  endpoint.credentials.one->session_token_sha256 = crypto::Sha256(AsBytes("token"));
  endpoint.credentials.one->expires_at = endpoint.clock.now - std::chrono::seconds(1);
  TextRequest request(endpoint.Signed("kms", "TrentService.Encrypt", "{}"));
  request.Header("X-Amz-Security-Token") = "token";
  SetAuth(request, "x-amz-target", "x-amz-security-token;x-amz-target");
  auto verifier = SigV4Verifier::Create(endpoint.credentials, 1).value();
  const std::vector<std::string> regions{"eu-central-1"};
  auto result = verifier->Verify(request.View(), {.regions = regions, .service = "kms"}, endpoint.clock.now);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), Errc::kExpiredToken);
  request.Header("X-Amz-Security-Token") = "token2";
  result = verifier->Verify(request.View(), {.regions = regions, .service = "kms"}, endpoint.clock.now);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), Errc::kUnrecognizedClient);
}

TEST(SigV4, ANewSecretIsUsedAtOnce) {
  testing_kit::FakeEndpoint endpoint;
  auto verifier = SigV4Verifier::Create(endpoint.credentials, 1).value();
  const std::vector<std::string> regions{"eu-central-1"};
  TextRequest request(endpoint.Signed("kms", "TrentService.Encrypt", "{}"));
  const VerifyOptions options{.regions = regions, .service = "kms"};
  ASSERT_TRUE(verifier->Verify(request.View(), options, endpoint.clock.now).ok());
  endpoint.credentials.one = testing_kit::FakeCredentials::Make(testing_kit::kKeyId, "another");
  endpoint.credentials.one->version = 1;
  EXPECT_FALSE(verifier->Verify(request.View(), options, endpoint.clock.now).ok());
}

}  // namespace
}  // namespace strongroom::aws
