#include "iam/web_identity/jwt.h"

#include <gmock/gmock.h>
#include <sodium.h>

#include <array>
#include <memory>

namespace strongroom::iam {
namespace {
using crypto::KeySpec;
using crypto::MessageForm;
using crypto::PrivateKey;
using crypto::SignatureScheme;

std::string Url64(std::string_view text) {
  std::string out(sodium_base64_encoded_len(text.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  out.resize(out.size() - 1);
  return out;
}

const std::string kClaims = R"({"iss":"https://issuer.example","sub":"me","aud":"sts","exp":2000,"iat":1000)";

std::string Token(const std::string& header, const std::string& claims, const std::string& signature = "sig") {
  return Url64(header) + "." + Url64(claims) + "." + Url64(signature);
}

struct Row {
  std::string name, header, claims;
  bool good;
  std::string text;
};
class JwtForms : public ::testing::TestWithParam<Row> {};
TEST_P(JwtForms, AreReadAsTheRowSays) {
  const auto token = ParseJwt(Token(GetParam().header, GetParam().claims));
  EXPECT_EQ(token.ok(), GetParam().good);
  if (token.ok()) return;
  EXPECT_EQ(token.error().code(), Errc::kBadSignature);
  EXPECT_THAT(token.error().public_message(), ::testing::HasSubstr(GetParam().text));
}
const std::string kRs = R"({"alg":"RS256","kid":"1"})";
const Row kRows[] = {
    {"Plain", kRs, kClaims + "}", true, ""},
    {"WithoutKeyId", R"({"alg":"ES256"})", kClaims + "}", true, ""},
    {"Unsigned", R"({"alg":"none"})", kClaims + "}", false, "algorithm"},
    {"SharedKey", R"({"alg":"HS256"})", kClaims + "}", false, "algorithm"},
    {"LowerCase", R"({"alg":"rs256"})", kClaims + "}", false, "algorithm"},
    {"NoAlgorithm", "{}", kClaims + "}", false, "algorithm"},
    {"Critical", R"({"alg":"RS256","crit":["x"]})", kClaims + "}", false, "algorithm"},
    {"HeaderIsNoObject", "[]", kClaims + "}", false, "not a valid JWT"},
    {"ClaimsAreNoObject", kRs, "1", false, "not a valid JWT"},
    {"ClaimsAreNoJson", kRs, "{", false, "not a valid JWT"},
    {"DeepClaims", kRs, kClaims + R"(,"x":)" + std::string(40, '[') + std::string(40, ']') + "}", false,
     "not a valid JWT"},
    {"NoIssuer", kRs, R"({"sub":"me","aud":"sts","exp":2000,"iat":1000})", false, "claim: iss"},
    {"NoSubject", kRs, R"({"iss":"x","aud":"sts","exp":2000,"iat":1000})", false, "claim: sub"},
    {"NoAudience", kRs, R"({"iss":"x","sub":"me","exp":2000,"iat":1000})", false, "claim: aud"},
    {"AudienceIsANumber", kRs, R"({"iss":"x","sub":"me","aud":1,"exp":2000,"iat":1000})", false, "claim: aud"},
    {"NoExpiry", kRs, R"({"iss":"x","sub":"me","aud":"sts","iat":1000})", false, "claim: exp"},
    {"ExpiryIsAText", kRs, R"({"iss":"x","sub":"me","aud":"sts","exp":"2000","iat":1000})", false, "claim: exp"},
    {"NegativeExpiry", kRs, R"({"iss":"x","sub":"me","aud":"sts","exp":-1,"iat":1000})", false, "claim: exp"},
    {"HugeExpiry", kRs, R"({"iss":"x","sub":"me","aud":"sts","exp":1e30,"iat":1000})", false, "claim: exp"},
    {"NoIssueTime", kRs, R"({"iss":"x","sub":"me","aud":"sts","exp":2000})", false, "claim: iat"},
    {"NotBeforeIsAText", kRs, kClaims + R"(,"nbf":"1"})", false, "nbf"},
    {"LongSubject", kRs, R"({"iss":"x","sub":")" + std::string(256, 's') + R"(","aud":"sts","exp":2000,"iat":1000})",
     false, "sub"},
    {"TagsAreNoObject", kRs, kClaims + R"(,"https://aws.amazon.com/tags":[]})", false, "tags"},
    {"TagIsANumber", kRs, kClaims + R"(,"https://aws.amazon.com/tags":{"principal_tags":{"a":1}}})", false, "tags"},
    {"Tags", kRs, kClaims + R"(,"https://aws.amazon.com/tags":{"principal_tags":{"a":["b"]}}})", true, ""},
};
INSTANTIATE_TEST_SUITE_P(WebIdentity, JwtForms, ::testing::ValuesIn(kRows),
                         [](const auto& info) { return info.param.name; });

TEST(Jwt, IsThreePartsInItsAlphabet) {
  const std::string good = Token(kRs, kClaims + "}");
  ASSERT_TRUE(ParseJwt(good).ok());
  for (const std::string& bad : {std::string(), std::string("."), std::string(".."), good.substr(0, good.rfind('.')),
                                 good + ".x", good + "=", good + "\n", " " + good, std::string(20'001, 'a')})
    EXPECT_EQ(ParseJwt(bad).error().code(), Errc::kBadSignature) << bad.substr(0, 40);
}

TEST(Jwt, GivesItsClaims) {
  const auto token = ParseJwt(Token(
      kRs,
      R"({"iss":"https://i","sub":"me","aud":["a","b"],"azp":"c","exp":2000.5,"iat":1000,"nbf":900,"amr":["mfa"],)"
      R"("https://aws.amazon.com/source_identity":"me@x","https://aws.amazon.com/tags":{"principal_tags":{"k":["v"]},)"
      R"("transitive_tag_keys":["k"]}})"));
  ASSERT_TRUE(token.ok()) << token.error();
  EXPECT_THAT(token->audiences, ::testing::ElementsAre("a", "b"));
  EXPECT_EQ(token->authorized_party, "c");
  EXPECT_EQ(token->expires_at, 2000);
  EXPECT_EQ(token->not_before, 900);
  EXPECT_THAT(token->methods, ::testing::ElementsAre("mfa"));
  EXPECT_THAT(token->tags, ::testing::ElementsAre(ports::Tag{"k", "v"}));
  EXPECT_THAT(token->transitive, ::testing::ElementsAre("k"));
  EXPECT_EQ(token->source_identity, "me@x");
}

/// r and s of a DER signature, each of `size` bytes, as JOSE has them.
std::string RawOfDer(const Bytes& der, std::size_t size) {
  std::string raw;
  std::size_t at = der[1] == 0x81 ? 3 : 2;
  for (int number = 0; number < 2; ++number) {
    std::size_t length = der[at + 1];
    std::size_t from = at + 2;
    at = from + length;
    while (length > size) ++from, --length;
    raw += std::string(size - length, '\0') + std::string(AsText(ByteView(der).subspan(from, length)));
  }
  return raw;
}

struct Signer {
  std::string algorithm;
  KeySpec spec;
  SignatureScheme scheme;
  std::size_t half;  // bytes of r and of s; 0: RSA
};
class JwtSignatures : public ::testing::TestWithParam<Signer> {};
TEST_P(JwtSignatures, VerifyUnderTheirKeyAndNothingElse) {
  const Signer& signer = GetParam();
  const auto key = PrivateKey::Generate(signer.spec);
  ASSERT_TRUE(key.ok());
  const std::string head = Url64(R"({"kid":"1","alg":")" + signer.algorithm + "\"}") + "." + Url64(kClaims + "}");
  const auto signature = key->Sign(signer.scheme, MessageForm::kRaw, AsBytes(head));
  ASSERT_TRUE(signature.ok());
  const std::string raw = signer.half == 0 ? std::string(AsText(*signature)) : RawOfDer(*signature, signer.half);
  auto token = ParseJwt(head + "." + Url64(raw));
  ASSERT_TRUE(token.ok()) << token.error();

  std::string set;
  if (signer.half == 0) {
    set = R"({"kty":"RSA","n":")" + Url64(AsText(key->public_key().RsaModulus())) + R"(","e":")" +
          Url64(AsText(key->public_key().RsaExponent())) + "\"";
  } else {
    const Bytes point = key->public_key().Point();
    const std::string curve = signer.half == 32 ? "P-256" : signer.half == 48 ? "P-384" : "P-521";
    set = R"({"kty":"EC","crv":")" + curve + R"(","x":")" + Url64(AsText(ByteView(point).subspan(1, signer.half))) +
          R"(","y":")" + Url64(AsText(ByteView(point).subspan(1 + signer.half))) + "\"";
  }
  const std::string others = R"({"kty":"oct","k":"AA","kid":"0"},{"kty":"RSA","n":"AQAB","e":"AQAB"},1,)" + set +
                             R"(,"kid":"9","use":"enc"},)";
  const auto keys = ParseJwks(R"({"keys":[)" + others + set + R"(,"kid":"1","use":"sig"}]})");
  ASSERT_TRUE(keys.ok());
  ASSERT_EQ(keys->size(), 1U) << "keys of other kinds and uses are left out";
  EXPECT_EQ(keys->front().key_id, "1");
  EXPECT_TRUE(VerifyJwt(*token, keys->front()).ok());

  Jwt changed = *token;
  changed.signed_part += "x";
  EXPECT_FALSE(VerifyJwt(changed, keys->front()).ok());
  for (const std::size_t at : {std::size_t{0}, token->signature.size() / 2, token->signature.size() - 1}) {
    changed = *token;
    changed.signature[at] ^= 1;
    EXPECT_FALSE(VerifyJwt(changed, keys->front()).ok()) << at;
  }
  changed = *token;
  changed.signature.pop_back();
  EXPECT_FALSE(VerifyJwt(changed, keys->front()).ok());
  changed = *token;
  changed.algorithm = signer.half == 0 ? "ES256" : "RS256";
  EXPECT_FALSE(VerifyJwt(changed, keys->front()).ok()) << "another algorithm";
  Jwk bound = keys->front();
  bound.algorithm = "PS256";
  EXPECT_FALSE(VerifyJwt(*token, bound).ok()) << "the key is for another algorithm";
}
INSTANTIATE_TEST_SUITE_P(WebIdentity, JwtSignatures,
                         ::testing::Values(Signer{"RS256", KeySpec::kRsa2048, SignatureScheme::kPkcs1Sha256, 0},
                                           Signer{"RS512", KeySpec::kRsa2048, SignatureScheme::kPkcs1Sha512, 0},
                                           Signer{"ES256", KeySpec::kP256, SignatureScheme::kEcdsaSha256, 32},
                                           Signer{"ES384", KeySpec::kP384, SignatureScheme::kEcdsaSha384, 48},
                                           Signer{"ES512", KeySpec::kP521, SignatureScheme::kEcdsaSha512, 66}),
                         [](const auto& info) { return info.param.algorithm; });

TEST(Jwks, RefusesWhatIsNoSet) {
  for (const char* bad : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[)"}) EXPECT_FALSE(ParseJwks(bad).ok()) << bad;
  EXPECT_TRUE(ParseJwks(R"({"keys":[]})").ok());
}

}  // namespace
}  // namespace strongroom::iam
