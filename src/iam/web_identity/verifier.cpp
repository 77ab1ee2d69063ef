#include "iam/web_identity/verifier.h"

#include <algorithm>
#include <boost/json.hpp>

#include "iam/sts/errors.h"
#include "iam/web_identity/issuer_keys.h"
#include "xks_client/https_pool.h"

namespace strongroom::iam {
namespace {

constexpr std::chrono::minutes kSkew{5};
constexpr std::string_view kHttps = "https://";

using Keys = IssuerKeys::Keys;
using Clock = IssuerKeys::Clock;

struct Url {
  std::string host, path;
};
/// "https://host/path" without port, user or query; all of it printable ASCII.
std::optional<Url> ParseUrl(std::string_view text) {
  if (!text.starts_with(kHttps) || text.size() > 2048) return std::nullopt;
  text.remove_prefix(kHttps.size());
  const bool plain =
      std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127 && c != '@' && c != '#' && c != '\\'; });
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string_view host = text.substr(0, slash);
  if (!plain || host.empty() || host.find_first_of(":?[]") != std::string_view::npos) return std::nullopt;
  return Url{std::string(host), slash == text.size() ? "/" : std::string(text.substr(slash))};
}

Error NoKey() {
  return InvalidIdentityToken(
      "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity "
      "documentation for requirements");
}

std::int64_t SecondsOf(ports::WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

Status CheckTimes(const Jwt& token, ports::WallTime now) {
  const std::int64_t seconds = SecondsOf(now);
  if (seconds >= token.expires_at) {
    return ExpiredIdentityToken(
        fmt::format("Token expired: current date/time {} must be before the expiration "
                    "date/time {}",
                    seconds, token.expires_at));
  }
  const std::int64_t latest = SecondsOf(now + kSkew);
  if (token.not_before && *token.not_before > latest) return InvalidIdentityToken("The token is not valid yet.");
  if (token.issued_at > latest) return InvalidIdentityToken("The token was issued in the future.");
  return {};
}

/// Source: IAM User Guide, "Available keys for AWS OIDC federation": azp, when it is there, stands for the audience.
Result<std::string> AudienceFor(const Jwt& token, const TrustedIssuer& issuer) {
  const auto known = [&](const std::string& one) {
    return std::ranges::find(issuer.client_ids, one) != issuer.client_ids.end();
  };
  if (!token.authorized_party.empty()) {
    if (known(token.authorized_party)) return token.authorized_party;
    return InvalidIdentityToken("Incorrect token audience");
  }
  for (const std::string& one : token.audiences)
    if (known(one)) return one;
  return InvalidIdentityToken("Incorrect token audience");
}

const Jwk* FindJwk(const std::vector<Jwk>& keys, const Jwt& token) {
  for (const Jwk& key : keys) {
    if (!token.key_id.empty() ? key.key_id == token.key_id : keys.size() == 1) return &key;
  }
  return nullptr;
}

}  // namespace

std::string_view WithoutSlashes(std::string_view issuer) noexcept {
  while (issuer.ends_with('/')) issuer.remove_suffix(1);
  return issuer;
}

class WebIdentityVerifier::Impl {
 public:
  Impl(std::shared_ptr<const xks::Network> network, Options options)
      : network_(std::move(network)),
        options_(options),
        keys_([this](std::string issuer) { return Fetch(std::move(issuer)); },
              {.pause = options.pause, .stale = options.stale}) {}

  Task<Result<std::string>> Verify(const Jwt& token, const TrustedIssuer& issuer, ports::WallTime now) {
    const std::string url = std::string(kHttps) + issuer.url;
    if (WithoutSlashes(token.issuer) != url) co_return InvalidIdentityToken("The token is of another issuer.");
    SR_CO_TRY(std::string audience, AudienceFor(token, issuer));
    SR_CO_CHECK(CheckTimes(token, now));
    SR_CO_TRY(Keys keys, co_await keys_.Get(url, Clock::now() - options_.keep));
    const Jwk* key = FindJwk(*keys, token);
    if (key == nullptr) {
      SR_CO_TRY(keys, co_await keys_.Get(url, Clock::now() - options_.pause));
      key = FindJwk(*keys, token);
    }
    if (key == nullptr) co_return NoKey();
    SR_CO_CHECK(VerifyJwt(token, *key));
    co_return audience;
  }

 private:
  Task<Result<Keys>> Fetch(std::string issuer) {
    SR_CO_TRY(const std::string document, co_await Get(issuer + "/.well-known/openid-configuration"));
    boost::system::error_code failed;
    const boost::json::value read = boost::json::parse(document, failed);
    const auto text = [&](std::string_view name) -> std::string {
      if (failed || !read.is_object()) return {};
      const boost::json::value* value = read.get_object().if_contains(name);
      return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
    };
    // Discovery 4.3: a document that names another issuer is not this one's.
    if (WithoutSlashes(text("issuer")) != issuer)
      co_return NoKey().WithDetail("the discovery document names another issuer");
    SR_CO_TRY(const std::string set, co_await Get(text("jwks_uri")));
    auto keys = ParseJwks(set);
    if (!keys.ok()) co_return NoKey().WithDetail("its JWK set cannot be read");
    co_return std::make_shared<const std::vector<Jwk>>(*std::move(keys));
  }

  Task<Result<std::string>> Get(std::string url) {
    const auto parsed = ParseUrl(url);
    if (!parsed) co_return NoKey().WithDetail("'" + url.substr(0, 200) + "' is no URL that is asked");
    const auto pool = std::make_shared<xks::HttpsPool>(network_, parsed->host, std::nullopt);
    std::string request = fmt::format(
        "GET {} HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\nUser-Agent: strongroom\r\nConnection: "
        "close\r\n\r\n",
        parsed->path, parsed->host);
    auto answer = co_await pool->Send(std::move(request));
    pool->Close();
    if (!answer.ok()) {
      co_return ProviderUnreachable("The identity provider could not be reached. Retry the request later.")
          .WithDetail(answer.failed().detail);
    }
    if (answer->status != 200)
      co_return NoKey().WithDetail(fmt::format("{} answers with status {}", url, answer->status));
    co_return std::move(answer->body);
  }

  const std::shared_ptr<const xks::Network> network_;
  const Options options_;
  IssuerKeys keys_;
};

WebIdentityVerifier::WebIdentityVerifier(std::shared_ptr<const xks::Network> network, Options options)
    : impl_(std::make_unique<Impl>(std::move(network), options)) {}
WebIdentityVerifier::~WebIdentityVerifier() = default;

Task<Result<std::string>> WebIdentityVerifier::Verify(const Jwt& token, const TrustedIssuer& issuer,
                                                      ports::WallTime now) {
  co_return co_await impl_->Verify(token, issuer, now);
}

}  // namespace strongroom::iam
