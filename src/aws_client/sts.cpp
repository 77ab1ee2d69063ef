#include "aws_client/sts.h"

#include <fmt/format.h>

#include "aws_client/credential_sources.h"
#include "aws_client/secret_text.h"
#include "aws_client/xml.h"
#include "sigv4/canonical.h"

namespace strongroom::aws_client {
namespace {

constexpr std::chrono::seconds kTimeout{60};

/// An application/x-www-form-urlencoded body, wiped since a token may be in it.
class Form {
 public:
  explicit Form(std::string_view action) {
    Add("Action", action);
    Add("Version", "2011-06-15");
  }
  void Add(std::string_view name, std::string_view value) {
    if (!text_.empty()) text_.push_back('&');
    AppendTo(text_, name);
    text_.push_back('=');
    std::string encoded;
    encoded.reserve(3 * value.size());
    sigv4::AppendPercentEncoded(value, encoded);
    AppendTo(text_, encoded);
    secret::Wipe(encoded.data(), encoded.size());
  }
  void Add(const AssumeRoleInput& input) {
    Add("RoleArn", input.role_arn);
    Add("RoleSessionName", input.session_name);
    if (input.duration_seconds != 0) Add("DurationSeconds", fmt::format("{}", input.duration_seconds));
  }
  std::string_view text() const { return {text_.data(), text_.size()}; }

 private:
  SecretString text_;
};

Result<Credentials> ReadCredentials(const HttpResponse& response, const std::string& action, const std::string& role) {
  SR_TRY(const auto answer, XmlAnswer::Parse(response.Text(), action + "Response"));
  const pugi::xml_node given = answer.root().child((action + "Result").c_str()).child("Credentials");
  SR_TRY(auto credentials, MakeCredentials(ChildText(given, "AccessKeyId"), ChildText(given, "SecretAccessKey"),
                                           ChildText(given, "SessionToken"), fmt::format("the session of {}", role)));
  credentials.expires = ParseIsoTime(ChildText(given, "Expiration"));
  if (!credentials.expires) {
    return Error(Errc::kCorrupted, fmt::format("STS's answer to {} does not say when the session expires.", action));
  }
  return credentials;
}

}  // namespace

StsClient::StsClient(Endpoint endpoint, std::string region, ServiceCaller* caller)
    : endpoint_(std::move(endpoint)), region_(std::move(region)), caller_(caller) {}

Result<std::unique_ptr<StsClient>> StsClient::Create(const Config& config, std::shared_ptr<HttpClient> http,
                                                     std::shared_ptr<CredentialsProvider> credentials) {
  const bool global = config.region.empty();
  SR_TRY(auto url, config.EndpointUrl("sts"));
  Endpoint endpoint{.scheme = "https", .host = "sts.amazonaws.com"};
  if (url) {
    SR_TRY(endpoint, ParseEndpoint(*url));
  } else if (!global) {
    SR_TRY(endpoint, DefaultEndpoint("sts", config.region));
  }
  SR_CHECK(MustBePrivate(endpoint, "STS"));
  auto* const caller = new ServiceCaller(std::move(http), std::move(credentials),
                                         {.max_attempts = config.max_attempts.value_or(RetryOptions().max_attempts)});
  return std::unique_ptr<StsClient>(new StsClient(std::move(endpoint), global ? "us-east-1" : config.region, caller));
}

Result<HttpResponse> StsClient::Call(std::string_view form, std::string_view action) {
  ServiceRequest request;
  request.service = "sts";
  request.region = region_;
  request.endpoint = &endpoint_;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
  request.body = AsBytes(form);
  request.timeout = kTimeout;
  request.read_error = ReadXmlError;
  SR_TRY(auto answer, caller_->Call(request));
  if (answer.ok()) return std::move(answer.response);
  Errc errc = CommonErrc(answer.error.code, answer.response.status);
  if (answer.error.code == "ExpiredTokenException") errc = Errc::kExpiredToken;
  if (answer.error.code == "InvalidIdentityToken" || answer.error.code == "IDPRejectedClaim")
    errc = Errc::kAccessDenied;
  return Error(errc == Errc::kInternal ? Errc::kInvalidArgument : errc,
               fmt::format("STS refuses {}: {}: {}", action, answer.error.code, answer.error.message));
}

Result<Credentials> StsClient::AssumeRole(const AssumeRoleInput& input) {
  Form form("AssumeRole");
  form.Add(input);
  if (!input.external_id.empty()) form.Add("ExternalId", input.external_id);
  SR_TRY(const auto answer, Call(form.text(), "AssumeRole"));
  return ReadCredentials(answer, "AssumeRole", input.role_arn);
}

Result<Credentials> StsClient::AssumeRoleWithWebIdentity(const AssumeRoleInput& input, std::string_view token) {
  Form form("AssumeRoleWithWebIdentity");
  form.Add(input);
  form.Add("WebIdentityToken", token);
  SR_TRY(const auto answer, Call(form.text(), "AssumeRoleWithWebIdentity"));
  return ReadCredentials(answer, "AssumeRoleWithWebIdentity", input.role_arn);
}

Result<CallerIdentity> StsClient::GetCallerIdentity() {
  SR_TRY(const auto answer, Call(Form("GetCallerIdentity").text(), "GetCallerIdentity"));
  SR_TRY(const auto parsed, XmlAnswer::Parse(answer.Text(), "GetCallerIdentityResponse"));
  const pugi::xml_node result = parsed.root().child("GetCallerIdentityResult");
  return CallerIdentity{.account = PrintableText(ChildText(result, "Account")),
                        .arn = PrintableText(ChildText(result, "Arn")),
                        .user_id = PrintableText(ChildText(result, "UserId"))};
}

}  // namespace strongroom::aws_client
