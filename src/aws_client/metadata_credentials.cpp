#include <fmt/format.h>

#include <algorithm>

#include "aws_client/credential_sources.h"
#include "aws_client/wiping_json.h"
#include "base/file.h"

namespace strongroom::aws_client {
namespace {

constexpr std::string_view kContainerHost = "http://169.254.170.2";
constexpr std::string_view kInstance = "http://169.254.169.254";
constexpr std::chrono::milliseconds kMetadataPatience{1000}, kContainerPatience{5000};
constexpr std::string_view kRoles = "/latest/meta-data/iam/security-credentials/";

std::string Variable(const Config& config, std::string_view name) { return config.environment(name).value_or(""); }

Result<HttpResponse> Ask(HttpClient& http, std::string_view method, std::string url, HttpHeaders headers,
                         std::chrono::milliseconds patience) {
  return http.Send({.method = method,
                    .url = std::move(url),
                    .headers = std::move(headers),
                    .largest_answer = std::size_t{64} << 10,
                    .proxies = Proxies::kNone,
                    .connect_timeout = patience,
                    .timeout = patience});
}

/// Plain http only goes to this machine and to the addresses at which container platforms answer.
bool MayBePlain(const Endpoint& endpoint) {
  const std::string_view host = endpoint.HostName();
  return host == "localhost" || host == "::1" || host.starts_with("127.") || host == "169.254.170.2" ||
         host == "169.254.170.23" || host == "fd00:ec2::23";
}

Result<std::string> ContainerUrl(const Config& config) {
  if (const std::string relative = Variable(config, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); !relative.empty()) {
    if (!relative.starts_with('/')) {
      return Error(Errc::kInvalidArgument, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with a slash.");
    }
    return std::string(kContainerHost) + relative;
  }
  const std::string full = Variable(config, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  const auto endpoint = ParseEndpoint(full.substr(0, full.find('?')));
  if (!endpoint.ok()) {
    return Error(Errc::kInvalidArgument,
                 "AWS_CONTAINER_CREDENTIALS_FULL_URI is no address: " + endpoint.error().public_message());
  }
  if (endpoint->scheme != "https" && !MayBePlain(*endpoint)) {
    return Error(
        Errc::kInvalidArgument,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI is plain http to a host that is neither this machine nor a container "
        "platform's.");
  }
  return full;
}

class Instance {
 public:
  explicit Instance(const SourceContext& context) : http_(context.http) {
    base_ = Variable(*context.config, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    if (base_.empty()) base_ = kInstance;
    while (base_.ends_with('/')) base_.pop_back();
  }

  /// A session (IMDSv2; the first version, which asks for none, is not spoken). Nothing when nobody answers.
  Result<std::optional<std::string>> Token() const {
    auto answer = Ask(*http_, "PUT", base_ + "/latest/api/token", {{"X-aws-ec2-metadata-token-ttl-seconds", "300"}},
                      kMetadataPatience);
    if (!answer.ok() && answer.error().code() == Errc::kCancelled) return std::move(answer).error();
    if (!answer.ok() || answer->status != 200) return std::optional<std::string>();
    return std::optional<std::string>(answer->Text());
  }
  Result<HttpResponse> Get(const std::string& token, std::string_view path) const {
    return Ask(*http_, "GET", fmt::format("{}{}", base_, path), {{"X-aws-ec2-metadata-token", token}},
               kMetadataPatience);
  }
  Result<Credentials> Fetch(const std::string& role) const {
    SR_TRY(const auto token, Token());
    if (!token) return Error(Errc::kUnavailable, "The instance metadata service does not answer any more.");
    SR_TRY(const auto answer, Get(*token, fmt::format("{}{}", kRoles, role)));
    if (answer.status != 200) {
      return Error(Errc::kUnavailable,
                   fmt::format("The instance metadata service answers {} for role {}.", answer.status, role));
    }
    return ParseCredentialsJson(answer.Text(), "the instance metadata service");
  }

 private:
  std::shared_ptr<HttpClient> http_;
  std::string base_;
};

}  // namespace

MaybeFetch ContainerSource(const SourceContext& context) {
  const Config& config = *context.config;
  if (Variable(config, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").empty() &&
      Variable(config, "AWS_CONTAINER_CREDENTIALS_FULL_URI").empty()) {
    return std::optional<CredentialsFetch>();
  }
  SR_TRY(const std::string url, ContainerUrl(config));
  return std::optional<CredentialsFetch>([context, url]() -> Result<Credentials> {
    HttpHeaders headers{{"Accept", "application/json"}};
    std::string authorization = Variable(*context.config, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (const auto file = Variable(*context.config, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !file.empty()) {
      SR_TRY(authorization, ReadFile(file, std::size_t{16} << 10));
      while (authorization.ends_with('\n') || authorization.ends_with('\r')) authorization.pop_back();
    }
    if (!authorization.empty()) headers.emplace_back("Authorization", authorization);
    SR_TRY(const auto answer, Ask(*context.http, "GET", url, std::move(headers), kContainerPatience));
    if (answer.status != 200) {
      return Error(Errc::kMissingAuthentication,
                   fmt::format("The container's credentials endpoint answers {}.", answer.status));
    }
    return ParseCredentialsJson(answer.Text(), "the container's credentials endpoint");
  });
}

MaybeFetch InstanceSource(const SourceContext& context) {
  if (Variable(*context.config, "AWS_EC2_METADATA_DISABLED") == "true") return std::optional<CredentialsFetch>();
  const Instance instance(context);
  SR_TRY(const auto token, instance.Token());
  if (!token) return std::optional<CredentialsFetch>();
  auto roles = instance.Get(*token, kRoles);
  if (!roles.ok() || roles->status != 200) return std::optional<CredentialsFetch>();
  std::string role(roles->Text().substr(0, roles->Text().find('\n')));
  const bool plain = !role.empty() && std::ranges::all_of(role, [](char c) { return c > ' ' && c < 0x7f && c != '/'; });
  if (!plain) return std::optional<CredentialsFetch>();
  return std::optional<CredentialsFetch>([instance, role] { return instance.Fetch(role); });
}

}  // namespace strongroom::aws_client
