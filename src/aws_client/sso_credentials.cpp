#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "aws_client/credential_sources.h"
#include "aws_client/service_call.h"
#include "aws_client/wiping_json.h"
#include "base/file.h"
#include "crypto/hash.h"
#include "sigv4/canonical.h"

namespace strongroom::aws_client {
namespace {

using std::chrono::system_clock;
namespace json = boost::json;

constexpr std::size_t kLargestToken = std::size_t{64} << 10;
constexpr std::chrono::minutes kRenewBefore{15};
constexpr std::chrono::seconds kTimeout{60};

/// What a profile says of IAM Identity Center.
struct Login {
  std::string profile{}, start_url{}, region{}, account{}, role{};
  std::string session{};  // the name of its [sso-session]; empty: of the older form without one
};

Error Wrong(std::string text) { return Error(Errc::kInvalidArgument, std::move(text)); }

std::string Renew(const Login& login) {
  return fmt::format("`aws sso login --profile {}` logs in again.", login.profile);
}
Error Expired(const Login& login) {
  return Error(Errc::kExpiredToken, fmt::format("The login of profile {} at IAM Identity Center has expired. {}",
                                                login.profile, Renew(login)));
}

/// Errors: kInvalidArgument where settings are missing or contradict each other.
Result<std::optional<Login>> LoginOf(const Config& config, const std::string& profile) {
  Login login{.profile = profile};
  login.account = ProfileSetting(config, profile, "sso_account_id").value_or("");
  login.role = ProfileSetting(config, profile, "sso_role_name").value_or("");
  if (login.account.empty() && login.role.empty()) return std::optional<Login>();
  login.start_url = ProfileSetting(config, profile, "sso_start_url").value_or("");
  login.region = ProfileSetting(config, profile, "sso_region").value_or("");
  login.session = ProfileSetting(config, profile, "sso_session").value_or("");
  if (!login.session.empty()) {
    const auto section = config.sections.find("sso-session " + login.session);
    if (section == config.sections.end()) {
      return Wrong(fmt::format("{} has no section [sso-session {}], which profile {} names.",
                               config.config_file.string(), login.session, profile));
    }
    for (auto& [name, value] : {std::pair<std::string_view, std::string*>{"sso_start_url", &login.start_url},
                                std::pair<std::string_view, std::string*>{"sso_region", &login.region}}) {
      const auto set = section->second.find(name);
      const std::string_view here = set == section->second.end() ? std::string_view() : TextOf(set->second);
      if (!here.empty() && !value->empty() && *value != here) {
        return Wrong(
            fmt::format("Profile {} and its [sso-session {}] have different {}.", profile, login.session, name));
      }
      if (!here.empty()) *value = here;
    }
  }
  for (const auto& [name, value] : {std::pair<std::string_view, const std::string&>{"sso_account_id", login.account},
                                    std::pair<std::string_view, const std::string&>{"sso_role_name", login.role},
                                    std::pair<std::string_view, const std::string&>{"sso_start_url", login.start_url},
                                    std::pair<std::string_view, const std::string&>{"sso_region", login.region}}) {
    if (value.empty())
      return Wrong(fmt::format("Profile {} logs in by IAM Identity Center, but has no {}.", profile, name));
  }
  SR_CHECK(CheckRegion(login.region));
  return std::optional(std::move(login));
}

/// Where `aws sso login` puts the token: named by the SHA-1 of the session, or of the start URL.
std::filesystem::path TokenFile(const Config& config, const Login& login) {
  const std::string& named_by = login.session.empty() ? login.start_url : login.session;
  const std::string name = Hex(crypto::Hash(crypto::Digest::kSha1, {AsBytes(named_by)}));
  return std::filesystem::path(config.environment("HOME").value_or("")) / ".aws" / "sso" / "cache" / (name + ".json");
}

Result<WipedJson> ReadToken(const std::filesystem::path& file, const Login& login) {
  auto text = ReadFile(file, kLargestToken);
  if (!text.ok() && text.error().code() == Errc::kNotFound) {
    return Error(
        Errc::kMissingAuthentication,
        fmt::format("Profile {} is not logged in at IAM Identity Center. `aws sso login --profile {}` does it.",
                    login.profile, login.profile));
  }
  if (!text.ok()) return std::move(text).error();
  auto token = WipedJson::Parse(*text);
  secret::Wipe(text->data(), text->size());
  if (!token.ok() || token->Text("accessToken").empty() || !ParseIsoTime(token->Text("expiresAt"))) {
    return Wrong(fmt::format("{} is not what `aws sso login` writes. {}", file.string(), Renew(login)));
  }
  return token;
}

/// A request to one of Identity Center's services, which are not signed: what is in them authorises.
Result<ServiceAnswer> Ask(const SourceContext& context, const Endpoint& endpoint, ServiceRequest request) {
  ServiceCaller caller(context.http, nullptr,
                       {.max_attempts = context.config->max_attempts.value_or(RetryOptions().max_attempts)});
  request.endpoint = &endpoint;
  request.timeout = kTimeout;
  request.read_error = ReadJsonError;
  return caller.Call(request);
}

Result<Endpoint> EndpointOf(const Config& config, std::string_view service, std::string_view host, const Login& login) {
  SR_TRY(const auto url, config.EndpointUrl(service));
  SR_TRY(auto endpoint, url ? ParseEndpoint(*url) : DefaultEndpoint(host, login.region));
  SR_CHECK(MustBePrivate(endpoint, "IAM Identity Center"));
  return endpoint;
}

/// Exchanges the refresh token for a new access token, in `token` and in its file. False where the file has no refresh
/// token, or the service does not take it.
Result<bool> Refresh(const SourceContext& context, const Login& login, const std::filesystem::path& file,
                     WipedJson& token) {
  const auto registered_until = ParseIsoTime(token.Text("registrationExpiresAt"));
  for (const char* name : {"refreshToken", "clientId", "clientSecret"}) {
    if (token.Text(name).empty()) return false;
  }
  if (!registered_until || *registered_until <= system_clock::now()) return false;
  SR_TRY(const Endpoint endpoint, EndpointOf(*context.config, "sso_oidc", "oidc", login));
  WipedJson form = WipedJson::Make();
  for (const char* name : {"clientId", "clientSecret", "refreshToken"}) {
    const std::string_view value = token.Text(name);
    form.object()[name] = json::string_view(value.data(), value.size());
  }
  form.object()["grantType"] = "refresh_token";
  const SecretString body = form.Serialized();
  ServiceRequest request;
  request.path = "/token";
  request.headers = {{"Content-Type", "application/json"}};
  request.body = AsBytes({body.data(), body.size()});
  SR_TRY(const auto answer, Ask(context, endpoint, std::move(request)));
  if (!answer.ok()) {
    const int status = answer.response.status;
    if (status / 100 == 4 && status != 429) return false;
    return Error(CommonErrc(answer.error.code, status),
                 fmt::format("IAM Identity Center does not renew the login of profile {}: {}: {}", login.profile,
                             answer.error.code, answer.error.message));
  }
  const auto given = WipedJson::Parse(answer.response.Text());
  const json::value* const lasts = given.ok() ? given->object().if_contains("expiresIn") : nullptr;
  if (lasts == nullptr || !lasts->is_int64() || lasts->get_int64() <= 0 || given->Text("accessToken").empty()) {
    return Error(Errc::kCorrupted, "IAM Identity Center's answer to CreateToken cannot be understood.");
  }
  const auto until = system_clock::now() + std::chrono::seconds(std::min<std::int64_t>(lasts->get_int64(), 31'536'000));
  const auto set = [&](const char* name, std::string_view value) {
    token.object()[name] = json::string_view(value.data(), value.size());
  };
  set("startUrl", login.start_url);
  set("region", login.region);
  set("accessToken", given->Text("accessToken"));
  set("expiresAt", FormatIsoTime(until));
  token.object().erase("refreshToken");
  if (!given->Text("refreshToken").empty()) set("refreshToken", given->Text("refreshToken"));
  const SecretString kept = token.Serialized();
  // The old refresh token may be used up, so a login that cannot be kept is said now and not at the next renewal.
  SR_CHECK(WriteFileAtomically(file, {kept.data(), kept.size()}, 0600));
  return true;
}

Result<Credentials> RoleCredentials(const SourceContext& context, const Login& login, std::string_view access_token) {
  SR_TRY(const Endpoint endpoint, EndpointOf(*context.config, "sso", "portal.sso", login));
  ServiceRequest request;
  request.method = "GET";
  request.path = "/federation/credentials";
  request.query = "role_name=";
  sigv4::AppendPercentEncoded(login.role, request.query);
  request.query += "&account_id=";
  sigv4::AppendPercentEncoded(login.account, request.query);
  request.headers = {{std::string(kSsoTokenHeader), std::string(access_token)}};
  SR_TRY(const auto answer, Ask(context, endpoint, std::move(request)));
  if (!answer.ok()) {
    if (answer.response.status == 401 || answer.error.code == "UnauthorizedException") return Expired(login);
    const bool no_access = answer.response.status == 403 || answer.response.status == 404;
    const Errc errc = CommonErrc(answer.error.code, answer.response.status);
    return Error(no_access                 ? Errc::kAccessDenied
                 : errc == Errc::kInternal ? Errc::kInvalidArgument
                                           : errc,
                 fmt::format("IAM Identity Center gives no credentials of role {} in account {} (profile {}): {}: {}",
                             login.role, login.account, login.profile, answer.error.code, answer.error.message));
  }
  const auto parsed = WipedJson::Parse(answer.response.Text());
  const json::value* const given = parsed.ok() ? parsed->object().if_contains("roleCredentials") : nullptr;
  const json::value* const until =
      given != nullptr && given->is_object() ? given->get_object().if_contains("expiration") : nullptr;
  if (until == nullptr || !until->is_int64()) {
    return Error(Errc::kCorrupted, "IAM Identity Center's answer to GetRoleCredentials cannot be understood.");
  }
  const json::object& object = given->get_object();
  SR_TRY(auto credentials,
         MakeCredentials(WipedJson::TextIn(object, "accessKeyId"), WipedJson::TextIn(object, "secretAccessKey"),
                         WipedJson::TextIn(object, "sessionToken"),
                         fmt::format("role {} of profile {} (IAM Identity Center)", login.role, login.profile)));
  credentials.expires = system_clock::time_point(std::chrono::milliseconds(until->get_int64()));
  return credentials;
}

Result<Credentials> Fetch(const SourceContext& context, const Login& login) {
  const std::filesystem::path file = TokenFile(*context.config, login);
  SR_TRY(WipedJson token, ReadToken(file, login));
  const auto left = *ParseIsoTime(token.Text("expiresAt")) - system_clock::now();
  if (!login.session.empty() && left < kRenewBefore) {
    const auto renewed = Refresh(context, login, file, token);
    // What still lasts is used: whoever renews it may be back before it ends.
    const bool lasts = left > std::chrono::seconds(0);
    if (!renewed.ok() && (!lasts || renewed.error().code() == Errc::kCancelled)) return renewed.error();
    if (renewed.ok() && !*renewed && !lasts) return Expired(login);
  } else if (left <= std::chrono::seconds(0)) {
    return Expired(login);
  }
  return RoleCredentials(context, login, token.Text("accessToken"));
}

}  // namespace

MaybeFetch SsoSource(const SourceContext& context, const std::string& profile) {
  SR_TRY(const auto login, LoginOf(*context.config, profile));
  if (!login) return std::optional<CredentialsFetch>();
  return std::optional<CredentialsFetch>([context, login = *login] { return Fetch(context, login); });
}

}  // namespace strongroom::aws_client
