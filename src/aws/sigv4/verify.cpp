#include "aws/sigv4/verify.h"

#include <algorithm>
#include <array>

#include "aws/http/text.h"
#include "aws/sigv4/claim.h"
#include "crypto/hash.h"

namespace strongroom::aws {
namespace {

Error Invalid(std::string text) { return Error(Errc::kInvalidSignature, std::move(text)); }

Error Unrecognized() {
  return Error(Errc::kUnrecognizedClient, "The security token included in the request is invalid.");
}

void HexInto(ByteView bytes, char* to) {
  static constexpr auto kPairs = [] {
    constexpr char kDigits[] = "0123456789abcdef";
    std::array<std::array<char, 2>, 256> pairs{};
    for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = {kDigits[i >> 4], kDigits[i & 15]};
    return pairs;
  }();
  for (const std::uint8_t byte : bytes) to = std::copy_n(kPairs[byte].data(), 2, to);
}

void AppendHex(ByteView bytes, std::string& out) {
  const std::size_t at = out.size();
  out.resize(at + 2 * bytes.size());
  HexInto(bytes, out.data() + at);
}

/// Row 6. On success the configured region's own text.
Result<std::string_view> CheckScope(const SignatureClaim& claim, const VerifyOptions& options) {
  const auto region = std::ranges::find(options.regions, claim.region);
  std::string wrong;
  if (region == options.regions.end()) {
    wrong += fmt::format("Credential should be scoped to a valid region, not '{}'. ", claim.region);
  }
  if (claim.service != options.service) {
    wrong += fmt::format("Credential should be scoped to correct service: '{}'. ", options.service);
  }
  if (claim.terminator != "aws4_request") {
    wrong += fmt::format("Credential should be scoped with a valid terminator: 'aws4_request', not '{}'. ",
                         claim.terminator);
  }
  if (!wrong.empty()) return Invalid(std::move(wrong));
  return std::string_view(*region);
}

/// Row 8.
Status CheckSignedHeaders(const HttpRequest& request, const SignatureClaim& claim) {
  const auto is_signed = [&](std::string_view name) {
    return std::ranges::any_of(claim.signed_names, [&](std::string_view one) { return EqualsIgnoringCase(one, name); });
  };
  if (!is_signed("host")) return Invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  for (const HttpHeader& header : request.headers) {
    if (StartsWithIgnoringCase(header.name, "x-amz-") && !is_signed(header.name)) {
      std::string name(header.name);
      std::ranges::transform(name, name.begin(), LowerAscii);
      return Invalid("'" + name + "' must be a 'SignedHeader' in the AWS Authorization.");
    }
  }
  return {};
}

/// Rows 9 and 10.
Status CheckAge(ports::WallTime signed_at, const SignatureClaim& claim, std::chrono::seconds skew,
                ports::WallTime now) {
  const std::chrono::seconds life = claim.presigned ? std::chrono::seconds(claim.expires_seconds) : skew;
  const auto amount = [](std::chrono::seconds seconds) {
    return seconds.count() % 60 == 0 ? fmt::format("{} min.", seconds.count() / 60)
                                     : fmt::format("{} s.", seconds.count());
  };
  if (signed_at < now - life) {
    return Invalid(fmt::format("Signature expired: {} is now earlier than {} ({} - {})", FormatBasicTime(signed_at),
                               FormatBasicTime(now - life), FormatBasicTime(now), amount(life)));
  }
  if (signed_at > now + skew) {
    return Invalid(fmt::format("Signature not yet current: {} is still later than {} ({} + {})",
                               FormatBasicTime(signed_at), FormatBasicTime(now + skew), FormatBasicTime(now),
                               amount(skew)));
  }
  return {};
}

Error Expired() { return Error(Errc::kExpiredToken, "The security token included in the request is expired"); }

Verified Wanted(const SignatureClaim& claim) {
  Verified verified;
  verified.wanted = std::make_unique<ports::WantedKey>(
      ports::WantedKey{std::string(claim.key_id), std::string(claim.security_token), std::string(claim.date),
                       std::string(claim.region), std::string(claim.service)});
  return verified;
}

/// Rows 11 and 12, without the question whether the key exists.
Status CheckToken(const ports::Credential& credential, const SignatureClaim& claim, ports::WallTime now) {
  if (!credential.active || credential.is_temporary() != claim.has_token) return Unrecognized();
  if (!credential.is_temporary()) return {};
  if (!crypto::ConstantTimeEqual(crypto::Sha256(AsBytes(claim.security_token)), *credential.session_token_sha256))
    return Unrecognized();
  if (credential.expires_at && *credential.expires_at <= now) return Expired();
  return {};
}

void AppendCanonicalRequest(const HttpRequest& request, const SignatureClaim& claim, PathForm form, std::string& out) {
  out.append(request.method).append("\n");
  AppendCanonicalPath(request.path(), form, out);
  out += '\n';
  AppendCanonicalQuery(request.query(), claim.presigned ? "X-Amz-Signature" : "", out);
  out += '\n';
  AppendCanonicalHeaders(request, claim.signed_names, out);
  out.append("\n").append(claim.signed_headers).append("\n");
  AppendHex(crypto::Sha256(AsBytes(request.body)), out);
}

}  // namespace

Result<std::unique_ptr<SigV4Verifier>> SigV4Verifier::Create(const ports::Credentials& credentials, std::size_t loops,
                                                             const ports::SigningKeySource* keys) {
  ports::Credential nobody;
  SR_TRY(nobody.secret, SecretBuffer::CopyOf(AsBytes("0000000000000000000000000000000000000000")));
  return std::unique_ptr<SigV4Verifier>(new SigV4Verifier(credentials, loops, keys, std::move(nobody)));
}

Result<Verified> SigV4Verifier::Verify(const HttpRequest& request, const VerifyOptions& options, ports::WallTime now) {
  SignatureClaim claim;
  SR_TRY(const ports::WallTime signed_at, ReadClaim(request, options.presigned, claim));
  SR_TRY(const std::string_view region, CheckScope(claim, options));
  if (claim.date != claim.date_text.substr(0, 8)) {
    return Invalid(
        fmt::format("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
                    "HTTP: '{}' != '{}', from '{}'.",
                    claim.date, claim.date_text.substr(0, 8), claim.date_text));
  }
  SR_CHECK(CheckSignedHeaders(request, claim));
  SR_CHECK(CheckAge(signed_at, claim, options.skew, now));

  thread_local std::string text;  // keeps its memory
  text.clear();
  AppendCanonicalRequest(request, claim, options.path_form, text);
  const crypto::Sha256Digest request_hash = crypto::Sha256(AsBytes(text));
  text.assign("AWS4-HMAC-SHA256\n").append(claim.date_text).append("\n").append(claim.date).append("/");
  text.append(claim.region).append("/").append(claim.service).append("/aws4_request\n");
  AppendHex(request_hash, text);

  // The signature is computed before anything is said about the key, so that time tells nothing about it.
  std::shared_ptr<const ports::Credential> credential = credentials_.Find(claim.key_id);
  if (!credential && claim.has_token && source_ != nullptr) {
    using Token = ports::SigningKeySource::Token;
    const Token token = source_->Judge(claim.key_id, claim.security_token, now);
    if (token == Token::kExpired) return Expired();
    if (token == Token::kWorthOpening) return Wanted(claim);
  }
  SR_TRY(const SigningKeys::Signature expected,
         keys_.Sign(credential ? *credential : nobody_, {claim.date, claim.region, claim.service}, text));
  if (!expected) {
    // What can be said without the key is said first: nobody has an HSM work for a key that is switched off.
    SR_CHECK(CheckToken(*credential, claim, now));
    return Wanted(claim);
  }
  std::array<char, 2 * crypto::Sha256Digest().size()> expected_hex;
  HexInto(*expected, expected_hex.data());
  const bool same =
      crypto::ConstantTimeEqual(AsBytes({expected_hex.data(), expected_hex.size()}), AsBytes(claim.signature));

  if (!credential) return Unrecognized();
  SR_CHECK(CheckToken(*credential, claim, now));
  if (!same) {
    return Invalid(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details.");
  }
  return Verified{std::move(credential), region};
}

}  // namespace strongroom::aws
