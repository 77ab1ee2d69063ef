// What somebody may try who has seen a signed request, or has keys of another place, day or kind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/dispatch/fake_service_for_tests.h"
#include "aws/sigv4/canonical.h"
#include "aws/sigv4/text_request_for_tests.h"
#include "aws/sigv4/verify.h"
#include "crypto/hash.h"

namespace strongroom::aws {
namespace {
using testing_kit::TextRequest;

constexpr Errc kAccepted = Errc::kCount_;

/// What a client that signs as it likes would put into Authorization.
struct Signing {
  std::string key_id{testing_kit::kKeyId}, secret{testing_kit::kSecret};
  std::string date = "20260301", region = "eu-central-1", service = "kms", terminator = "aws4_request";
  std::string payload;  // what stands for the body's hash; empty: its hash
  std::string names;    // signed headers; empty: all, in order
};

void Sign(TextRequest& request, const Signing& by) {
  request.Drop("Authorization");
  std::vector<std::string> names;
  for (const auto& [name, value] : request.headers) {
    std::string lower(name);
    std::ranges::transform(lower, lower.begin(), LowerAscii);
    if (std::ranges::find(names, lower) == names.end()) names.push_back(lower);
  }
  std::ranges::sort(names);
  std::string joined = by.names.empty() ? fmt::format("{}", fmt::join(names, ";")) : by.names;
  std::vector<std::string_view> views;
  for (std::string_view rest = joined; !rest.empty();) {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    views.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const HttpRequest shown = request.View();
  std::string text = request.method + "\n";
  AppendCanonicalPath(shown.path(), PathForm::kNormalized, text);
  text += '\n';
  AppendCanonicalQuery(shown.query(), "", text);
  text += '\n';
  AppendCanonicalHeaders(shown, views, text);
  text += "\n" + joined + "\n" + (by.payload.empty() ? Hex(crypto::Sha256(AsBytes(request.body))) : by.payload);
  const std::string scope = by.date + "/" + by.region + "/" + by.service + "/" + by.terminator;
  const std::string to_sign =
      "AWS4-HMAC-SHA256\n20260301T120000Z\n" + scope + "\n" + Hex(crypto::Sha256(AsBytes(text)));
  const SecretBuffer secret = SecretBuffer::CopyOf(AsBytes(by.secret)).value();
  const SecretBuffer key = SigningKeyMaker::Derive(secret, by.date, by.region, by.service).value();
  const std::string signature = Hex(crypto::HmacSha256(key, {AsBytes(to_sign)}));
  request.Header("Authorization") = "AWS4-HMAC-SHA256 Credential=" + by.key_id + "/" + scope +
                                    ", SignedHeaders=" + joined + ", Signature=" + signature;
}

struct Attack {
  std::string name;
  void (*change)(TextRequest&);
  Errc want;
};

void Replace(TextRequest& request, const std::string& from, const std::string& to) {
  std::string& value = request.Header("Authorization");
  const std::size_t at = value.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  value.replace(at, from.size(), to);
}
std::string& SignatureOf(TextRequest& request) { return request.Header("Authorization"); }

const Attack kAttacks[] = {
    {"Nothing", [](TextRequest&) {}, kAccepted},
    {"AnotherSignersFormIsTaken", [](TextRequest& r) { Sign(r, {}); }, kAccepted},

    // Each part of a request altered behind the signer's back.
    {"Method", [](TextRequest& r) { r.method = "PUT"; }, Errc::kInvalidSignature},
    {"Path", [](TextRequest& r) { r.target = "/x"; }, Errc::kInvalidSignature},
    {"QueryAdded", [](TextRequest& r) { r.target = "/?a=b"; }, Errc::kInvalidSignature},
    {"Host", [](TextRequest& r) { r.Header("Host") = "evil"; }, Errc::kInvalidSignature},
    {"Target", [](TextRequest& r) { r.Header("X-Amz-Target") = "TrentService.Decrypt"; }, Errc::kInvalidSignature},
    {"Body", [](TextRequest& r) { r.body = R"({"KeyId":"x"})"; }, Errc::kInvalidSignature},
    {"BodyDropped", [](TextRequest& r) { r.body.clear(); }, Errc::kInvalidSignature},
    {"Date", [](TextRequest& r) { r.Header("X-Amz-Date") = "20260301T120001Z"; }, Errc::kInvalidSignature},

    // Headers twice: what is signed is all of their values, so the first cannot be put before the signed one.
    {"SecondHost", [](TextRequest& r) { r.headers.emplace_back("Host", "evil"); }, Errc::kInvalidSignature},
    {"HostBefore",
     [](TextRequest& r) {
       r.headers.insert(r.headers.begin(), {"host", "evil"});
     },
     Errc::kInvalidSignature},
    {"SecondTarget", [](TextRequest& r) { r.headers.emplace_back("x-amz-target", "TrentService.Decrypt"); },
     Errc::kInvalidSignature},
    {"TargetBefore",
     [](TextRequest& r) {
       r.headers.insert(r.headers.begin(), {"X-AMZ-TARGET", "TrentService.Decrypt"});
     },
     Errc::kInvalidSignature},
    {"SecondDate", [](TextRequest& r) { r.headers.emplace_back("X-Amz-Date", "20260301T120000Z"); },
     Errc::kInvalidSignature},
    {"UnsignedTokenAdded", [](TextRequest& r) { r.headers.emplace_back("X-Amz-Security-Token", "x"); },
     Errc::kInvalidSignature},
    {"UnsignedAmzHeaderAdded", [](TextRequest& r) { r.headers.emplace_back("X-Amz-Anything", "x"); },
     Errc::kInvalidSignature},

    // The signature itself.
    {"SignatureInCapitals",
     [](TextRequest& r) {
       std::string& value = SignatureOf(r);
       for (std::size_t i = value.find("Signature=") + 10; i < value.size(); ++i)
         value[i] = static_cast<char>(value[i] >= 'a' ? value[i] - 32 : value[i]);
     },
     Errc::kInvalidSignature},
    {"SignatureCut", [](TextRequest& r) { SignatureOf(r).pop_back(); }, Errc::kInvalidSignature},
    {"SignatureLonger", [](TextRequest& r) { SignatureOf(r) += "0"; }, Errc::kInvalidSignature},
    {"SignatureOfZeros",
     [](TextRequest& r) {
       std::string& value = SignatureOf(r);
       std::fill(value.end() - 64, value.end(), '0');
     },
     Errc::kInvalidSignature},
    {"TwoSignatures", [](TextRequest& r) { SignatureOf(r) += ", Signature=" + std::string(64, '0'); },
     Errc::kInvalidSignature},
    {"OtherAlgorithm", [](TextRequest& r) { Replace(r, "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"); },
     Errc::kIncompleteSignature},
    {"Asymmetric", [](TextRequest& r) { Replace(r, "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"); },
     Errc::kIncompleteSignature},

    // Each part of the scope altered, and keys that are good for another one.
    {"ScopeKey", [](TextRequest& r) { Replace(r, "AKIATEST", "AKIAELSE"); }, Errc::kUnrecognizedClient},
    {"ScopeDate", [](TextRequest& r) { Replace(r, "/20260301/", "/20260302/"); }, Errc::kInvalidSignature},
    {"ScopeRegion", [](TextRequest& r) { Replace(r, "/eu-central-1/", "/us-east-1/"); }, Errc::kInvalidSignature},
    {"ScopeService", [](TextRequest& r) { Replace(r, "/kms/", "/sts/"); }, Errc::kInvalidSignature},
    {"ScopeTerminator", [](TextRequest& r) { Replace(r, "aws4_request", "aws5_request"); }, Errc::kInvalidSignature},
    {"KeyOfYesterday", [](TextRequest& r) { Sign(r, {.date = "20260228"}); }, Errc::kInvalidSignature},
    {"KeyOfAnotherService", [](TextRequest& r) { Sign(r, {.service = "sts"}); }, Errc::kInvalidSignature},
    {"KeyOfAnUnknownRegion", [](TextRequest& r) { Sign(r, {.region = "moon-1"}); }, Errc::kInvalidSignature},
    {"WrongSecret", [](TextRequest& r) { Sign(r, {.secret = "another"}); }, Errc::kInvalidSignature},
    {"ShortSecret", [](TextRequest& r) { Sign(r, {.secret = "w"}); }, Errc::kInvalidSignature},

    // Signed headers.
    {"HostUnsigned", [](TextRequest& r) { Sign(r, {.names = "content-type;x-amz-date;x-amz-target"}); },
     Errc::kInvalidSignature},
    {"TargetUnsigned", [](TextRequest& r) { Sign(r, {.names = "content-type;host;x-amz-date"}); },
     Errc::kInvalidSignature},
    {"DateUnsigned", [](TextRequest& r) { Sign(r, {.names = "content-type;host;x-amz-target"}); },
     Errc::kInvalidSignature},
    {"SignedNameDropped", [](TextRequest& r) { Replace(r, "content-type;", ""); }, Errc::kInvalidSignature},

    // A body that is not signed: KMS and CloudHSM take none, so the literal is a wrong hash.
    {"UnsignedPayload",
     [](TextRequest& r) {
       r.headers.emplace_back("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD");
       Sign(r, {.payload = "UNSIGNED-PAYLOAD"});
     },
     Errc::kInvalidSignature},
    {"HashOfAnotherBodyInItsHeader",
     [](TextRequest& r) {
       const std::string hash = Hex(crypto::Sha256(AsBytes("{}")));
       r.headers.emplace_back("X-Amz-Content-Sha256", hash);
       Sign(r, {.payload = hash});
       r.body = R"({"KeyId":"x"})";
     },
     Errc::kInvalidSignature},
    {"RightHashInItsHeader",
     [](TextRequest& r) {
       r.headers.emplace_back("X-Amz-Content-Sha256", Hex(crypto::Sha256(AsBytes(r.body))));
       Sign(r, {});
     },
     kAccepted},

    // Forms.
    {"InTheQueryInstead",
     [](TextRequest& r) {
       r.Drop("Authorization");
       r.target =
           "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIATESTTESTTESTTEST%2F20260301%2Feu-central-1%2F"
           "kms%2Faws4_request&X-Amz-Date=20260301T120000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-"
           "Signature=" +
           std::string(64, '0');
     },
     Errc::kIncompleteSignature},
    {"HeaderAndQuery", [](TextRequest& r) { r.target = "/?X-Amz-Signature=" + std::string(64, '0'); },
     Errc::kInvalidSignature},
    {"NoSignature", [](TextRequest& r) { r.Drop("Authorization"); }, Errc::kMissingAuthentication},
};

class SigV4Attacks : public ::testing::TestWithParam<Attack> {
 protected:
  Errc CodeAt(TextRequest& request, ports::WallTime now) {
    const VerifyOptions options{.regions = regions_, .service = "kms"};
    const auto result = verifier_->Verify(request.View(), options, now);
    return result.ok() ? kAccepted : result.error().code();
  }
  testing_kit::FakeEndpoint endpoint_;
  const std::vector<std::string> regions_{"eu-central-1", "us-east-1"};
  std::unique_ptr<SigV4Verifier> verifier_ = SigV4Verifier::Create(endpoint_.credentials, 1).value();
};

TEST_P(SigV4Attacks, AreAnsweredAsTheRowSays) {
  TextRequest request(endpoint_.Signed("kms", "TrentService.Encrypt", "{}"));
  GetParam().change(request);
  EXPECT_EQ(CodeAt(request, endpoint_.clock.now), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(SigV4, SigV4Attacks, ::testing::ValuesIn(kAttacks),
                         [](const auto& row) { return row.param.name; });

struct Moment {
  std::string name;
  std::chrono::seconds after;
  Errc want;
};
class SigV4Replay : public ::testing::TestWithParam<Moment> {};
TEST_P(SigV4Replay, IsTakenWithinTheWindowOnly) {
  testing_kit::FakeEndpoint endpoint;
  TextRequest request(endpoint.Signed("kms", "TrentService.Encrypt", "{}"));
  auto verifier = SigV4Verifier::Create(endpoint.credentials, 1).value();
  const std::vector<std::string> regions{"eu-central-1"};
  const auto result =
      verifier->Verify(request.View(), {.regions = regions, .service = "kms"}, endpoint.clock.now + GetParam().after);
  EXPECT_EQ(result.ok() ? kAccepted : result.error().code(), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(SigV4, SigV4Replay,
                         ::testing::Values(Moment{"AtOnce", std::chrono::seconds(0), kAccepted},
                                           Moment{"FiveMinutesLater", std::chrono::seconds(300), kAccepted},
                                           Moment{"ASecondTooLate", std::chrono::seconds(301), Errc::kInvalidSignature},
                                           Moment{"FiveMinutesEarly", std::chrono::seconds(-300), kAccepted},
                                           Moment{"ASecondTooEarly", std::chrono::seconds(-301),
                                                  Errc::kInvalidSignature},
                                           Moment{"NextDay", std::chrono::hours(24), Errc::kInvalidSignature}),
                         [](const auto& row) { return row.param.name; });

/// Whose key it is, and what stands in the request beside a right signature.
struct KeyRow {
  std::string name;
  bool active, temporary, expired;
  std::string token;  // sent; empty: none
  Errc want;
};
class SigV4Keys : public ::testing::TestWithParam<KeyRow> {};
TEST_P(SigV4Keys, AreTakenAsTheRowSays) {
  testing_kit::FakeEndpoint endpoint;
  ports::Credential& known = *endpoint.credentials.one;
  known.active = GetParam().active;
  if (GetParam().temporary) known.session_token_sha256 = crypto::Sha256(AsBytes("token"));
  if (GetParam().temporary) known.expires_at = endpoint.clock.now + std::chrono::seconds(GetParam().expired ? 0 : 1);
  TextRequest request(endpoint.Signed("kms", "TrentService.Encrypt", "{}"));
  if (!GetParam().token.empty()) request.headers.emplace_back("X-Amz-Security-Token", GetParam().token);
  Sign(request, {});
  auto verifier = SigV4Verifier::Create(endpoint.credentials, 1).value();
  const std::vector<std::string> regions{"eu-central-1"};
  const auto result = verifier->Verify(request.View(), {.regions = regions, .service = "kms"}, endpoint.clock.now);
  EXPECT_EQ(result.ok() ? kAccepted : result.error().code(), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(
    SigV4, SigV4Keys,
    ::testing::Values(KeyRow{"Permanent", true, false, false, "", kAccepted},
                      KeyRow{"PermanentSwitchedOff", false, false, false, "", Errc::kUnrecognizedClient},
                      KeyRow{"PermanentWithToken", true, false, false, "token", Errc::kUnrecognizedClient},
                      KeyRow{"Temporary", true, true, false, "token", kAccepted},
                      KeyRow{"TemporaryWithoutToken", true, true, false, "", Errc::kUnrecognizedClient},
                      KeyRow{"TemporaryWithAnothersToken", true, true, false, "tokem", Errc::kUnrecognizedClient},
                      KeyRow{"TemporaryWithHalfItsToken", true, true, false, "tok", Errc::kUnrecognizedClient},
                      KeyRow{"TemporaryExpired", true, true, true, "token", Errc::kExpiredToken},
                      KeyRow{"TemporaryExpiredAndForeign", true, true, true, "x", Errc::kUnrecognizedClient},
                      KeyRow{"TemporaryOfSomebodyGone", false, true, false, "token", Errc::kUnrecognizedClient}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace strongroom::aws
