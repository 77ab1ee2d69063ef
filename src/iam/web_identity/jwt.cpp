#include "iam/web_identity/jwt.h"

#include <sodium.h>

#include <boost/json.hpp>

#include "crypto/raw_signature.h"
#include "iam/sts/errors.h"

namespace strongroom::iam {
namespace {
namespace json = boost::json;

constexpr std::size_t kMostTokenChars = 20'000, kMostKeys = 100, kMostAudiences = 100, kMostNumberBytes = 1024;
constexpr std::string_view kTagsClaim = "https://aws.amazon.com/tags";
constexpr std::string_view kSourceIdentityClaim = "https://aws.amazon.com/source_identity";

struct JwsAlgorithm {
  std::string_view name;
  crypto::SignatureScheme scheme;
  std::size_t raw_bytes;  // of an ECDSA signature; 0: RSA
};
constexpr JwsAlgorithm kJwsAlgorithms[] = {
    {"RS256", crypto::SignatureScheme::kPkcs1Sha256, 0},  {"RS384", crypto::SignatureScheme::kPkcs1Sha384, 0},
    {"RS512", crypto::SignatureScheme::kPkcs1Sha512, 0},  {"ES256", crypto::SignatureScheme::kEcdsaSha256, 64},
    {"ES384", crypto::SignatureScheme::kEcdsaSha384, 96}, {"ES512", crypto::SignatureScheme::kEcdsaSha512, 132}};

const JwsAlgorithm* FindJwsAlgorithm(std::string_view name) {
  for (const JwsAlgorithm& one : kJwsAlgorithms)
    if (one.name == name) return &one;
  return nullptr;
}

/// The curve of an ECDSA algorithm (RFC 7518, section 3.4).
crypto::KeySpec CurveOf(const JwsAlgorithm& algorithm) {
  if (algorithm.raw_bytes == 64) return crypto::KeySpec::kP256;
  return algorithm.raw_bytes == 96 ? crypto::KeySpec::kP384 : crypto::KeySpec::kP521;
}

Error NoJwt() {
  return InvalidIdentityToken(
      "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)");
}
Error Missing(std::string_view claim) {
  return InvalidIdentityToken("Missing a required claim: " + std::string(claim));
}

std::optional<Bytes> FromBase64Url(std::string_view text) {
  if (text.empty()) return Bytes{};  // libsodium wants an address of what has no bytes, too
  Bytes out(text.size());
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size, &end,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
      end != text.data() + text.size())
    return std::nullopt;
  out.resize(size);
  return out;
}

std::optional<json::object> ReadObject(std::string_view text) {
  boost::system::error_code failed;
  json::parse_options options;
  options.max_depth = 16;
  json::value value = json::parse(text, failed, {}, options);
  if (failed || !value.is_object()) return std::nullopt;
  std::optional<json::object> object = std::move(value.get_object());
  return object;
}

/// A text member; empty when it is absent or something else.
std::string TextIn(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}
std::optional<std::int64_t> SecondsIn(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_int64() && value->get_int64() >= 0) return value->get_int64();
  if (value->is_double() && value->get_double() >= 0 && value->get_double() < 1e15)
    return static_cast<std::int64_t>(value->get_double());
  return std::nullopt;
}
/// One text or a list of texts.
std::vector<std::string> TextsIn(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  std::vector<std::string> texts;
  if (value == nullptr) return texts;
  if (value->is_string()) texts.emplace_back(value->get_string());
  if (!value->is_array()) return texts;
  for (const json::value& one : value->get_array())
    if (one.is_string() && texts.size() < kMostAudiences) texts.emplace_back(one.get_string());
  return texts;
}

Status ReadAwsClaims(const json::object& claims, Jwt& token) {
  token.source_identity = TextIn(claims, kSourceIdentityClaim);
  const json::value* tags = claims.if_contains(kTagsClaim);
  if (tags == nullptr) return {};
  if (!tags->is_object()) return InvalidIdentityToken("The claim " + std::string(kTagsClaim) + " is not valid.");
  token.transitive = TextsIn(tags->get_object(), "transitive_tag_keys");
  const json::value* pairs = tags->get_object().if_contains("principal_tags");
  if (pairs == nullptr || !pairs->is_object()) return {};
  if (pairs->get_object().size() > 50) return InvalidIdentityToken("A session has at most 50 tags.");
  for (const auto& [key, value] : pairs->get_object()) {
    const json::value* text = &value;
    if (value.is_array() && value.get_array().size() == 1) text = &value.get_array()[0];
    if (!text->is_string() || key.empty() || key.size() > 128 || text->get_string().size() > 256)
      return InvalidIdentityToken("The claim " + std::string(kTagsClaim) + " is not valid.");
    token.tags.push_back({std::string(key), std::string(text->get_string())});
  }
  return {};
}

Status ReadClaims(const json::object& claims, Jwt& token) {
  token.issuer = TextIn(claims, "iss");
  if (token.issuer.empty()) return Missing("iss");
  token.subject = TextIn(claims, "sub");
  if (token.subject.empty()) return Missing("sub");
  if (token.subject.size() > 255) return InvalidIdentityToken("The claim sub is too long.");
  token.audiences = TextsIn(claims, "aud");
  token.authorized_party = TextIn(claims, "azp");
  if (token.audiences.empty() && token.authorized_party.empty()) return Missing("aud");
  const auto expires = SecondsIn(claims, "exp"), issued = SecondsIn(claims, "iat");
  if (!expires) return Missing("exp");
  if (!issued) return Missing("iat");
  token.expires_at = *expires;
  token.issued_at = *issued;
  token.not_before = SecondsIn(claims, "nbf");
  if (claims.contains("nbf") && !token.not_before) return InvalidIdentityToken("The claim nbf is no time.");
  token.methods = TextsIn(claims, "amr");
  return ReadAwsClaims(claims, token);
}

std::optional<crypto::PublicKey> ReadKey(const json::object& object) {
  const auto number = [&](std::string_view name) {
    const auto bytes = FromBase64Url(TextIn(object, name));
    return bytes && !bytes->empty() && bytes->size() <= kMostNumberBytes ? *bytes : Bytes();
  };
  const std::string type = TextIn(object, "kty");
  if (type == "RSA") {
    const Bytes n = number("n"), e = number("e");
    if (n.empty() || e.empty()) return std::nullopt;
    auto key = crypto::PublicKey::FromRsa(n, e);
    return key.ok() ? std::optional(*std::move(key)) : std::nullopt;
  }
  if (type != "EC") return std::nullopt;
  const std::string curve = TextIn(object, "crv");
  const Bytes x = number("x"), y = number("y");
  const std::size_t field = curve == "P-256" ? 32 : curve == "P-384" ? 48 : curve == "P-521" ? 66 : 0;
  if (field == 0 || x.size() != field || y.size() != field) return std::nullopt;
  Bytes point{4};
  Append(point, x);
  Append(point, y);
  const crypto::KeySpec spec = field == 32   ? crypto::KeySpec::kP256
                               : field == 48 ? crypto::KeySpec::kP384
                                             : crypto::KeySpec::kP521;
  auto key = crypto::PublicKey::FromPoint(spec, point);
  return key.ok() ? std::optional(*std::move(key)) : std::nullopt;
}

}  // namespace

Result<Jwt> ParseJwt(std::string_view text) {
  const std::size_t first = text.find('.'),
                    second = text.find('.', first == std::string_view::npos ? first : first + 1);
  if (text.size() > kMostTokenChars || first == std::string_view::npos || second == std::string_view::npos)
    return NoJwt();
  const auto header = FromBase64Url(text.substr(0, first));
  const auto payload = FromBase64Url(text.substr(first + 1, second - first - 1));
  const auto signature = FromBase64Url(text.substr(second + 1));
  if (!header || !payload || !signature) return NoJwt();
  const auto head = ReadObject(AsText(*header)), claims = ReadObject(AsText(*payload));
  if (!head || !claims) return NoJwt();
  Jwt token;
  token.algorithm = TextIn(*head, "alg");
  token.key_id = TextIn(*head, "kid");
  // An extension that must be understood (RFC 7515, 4.1.11) is not understood here.
  if (FindJwsAlgorithm(token.algorithm) == nullptr || head->contains("crit"))
    return InvalidIdentityToken("The ID Token is not signed with an algorithm that is accepted.");
  token.signed_part = text.substr(0, second);
  token.signature = *signature;
  SR_CHECK(ReadClaims(*claims, token));
  return token;
}

Result<std::vector<Jwk>> ParseJwks(std::string_view text) {
  const auto set = ReadObject(text);
  const json::value* keys = set ? set->if_contains("keys") : nullptr;
  if (keys == nullptr || !keys->is_array()) return Error(Errc::kInvalidArgument, "This is no JWK set.");
  std::vector<Jwk> found;
  for (const json::value& one : keys->get_array()) {
    if (!one.is_object() || found.size() >= kMostKeys) continue;
    const json::object& object = one.get_object();
    const std::string use = TextIn(object, "use");
    if (!use.empty() && use != "sig") continue;
    if (auto key = ReadKey(object)) found.push_back({TextIn(object, "kid"), TextIn(object, "alg"), *std::move(key)});
  }
  return found;
}

Status VerifyJwt(const Jwt& token, const Jwk& key) {
  const JwsAlgorithm* algorithm = FindJwsAlgorithm(token.algorithm);
  const Error refused = InvalidIdentityToken("Token signature is invalid.");
  if (algorithm == nullptr || (!key.algorithm.empty() && key.algorithm != token.algorithm)) return refused;
  Bytes signature = token.signature;
  if (algorithm->raw_bytes != 0) {
    if (key.key.spec() != CurveOf(*algorithm) || signature.size() != algorithm->raw_bytes) return refused;
    auto der = crypto::EcdsaDerFromRaw(signature);
    if (!der.ok()) return refused;
    signature = *std::move(der);
  } else if (!crypto::IsRsa(key.key.spec())) {
    return refused;
  }
  const Status verified =
      key.key.Verify(algorithm->scheme, crypto::MessageForm::kRaw, AsBytes(token.signed_part), signature);
  if (!verified.ok()) return refused;
  return {};
}

}  // namespace strongroom::iam
