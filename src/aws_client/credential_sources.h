#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws_client/credentials.h"
#include "aws_client/http.h"

// The sources that the chain of credentials.h looks at. Each gives nothing when it is not set up.

namespace strongroom::aws_client {

using MaybeFetch = Result<std::optional<CredentialsFetch>>;

struct SourceContext {
  std::shared_ptr<const Config> config;
  std::shared_ptr<HttpClient> http;
};

Result<std::optional<Credentials>> EnvironmentCredentials(const Config& config);
MaybeFetch WebIdentitySource(const SourceContext& context);
/// role_arn, or the profile's keys, credential_process and so on, in that order.
MaybeFetch RoleSource(const SourceContext& context);
/// A profile's setting in either file, the credentials file's first.
std::optional<std::string> ProfileSetting(const Config& config, const std::string& profile, std::string_view name);
/// sso_account_id and sso_role_name, with sso_session or with sso_start_url and sso_region: the login that `aws sso
/// login` left in ~/.aws/sso/cache, exchanged for the role's credentials at the portal. A login of an sso_session that
/// ends within a quarter of an hour is renewed with its refresh token and put back there. Endpoints are set as those of
/// "sso" and "sso_oidc". Source: IAM Identity Center Portal API (GetRoleCredentials), OIDC API (CreateToken).
MaybeFetch SsoSource(const SourceContext& context, const std::string& profile);
Result<std::optional<Credentials>> FileCredentials(const Config& config, const std::string& profile);
MaybeFetch ProcessSource(const SourceContext& context, const std::string& profile);
Result<std::optional<Credentials>> ConfigFileCredentials(const Config& config, const std::string& profile);
MaybeFetch ContainerSource(const SourceContext& context);
/// Asks the instance for its credentials' name, so that "not set up" is "nobody answers".
MaybeFetch InstanceSource(const SourceContext& context);

/// Splits a command line as a shell does: quotes and backslashes, and nothing else of a shell.
/// Errors: kInvalidArgument for a quote that is not closed or an empty command.
Result<std::vector<std::string>> SplitCommand(std::string_view command);
/// Runs credential_process without a shell and reads its standard output, up to 64 KiB within a minute.
Result<Credentials> RunCredentialProcess(const std::vector<std::string>& command, const std::string& source);

/// {"AccessKeyId", "SecretAccessKey", "SessionToken" or "Token", "Expiration"} as credential_process, containers and
/// instances give them. Errors: kInvalidArgument, which names the member and quotes nothing.
Result<Credentials> ParseCredentialsJson(std::string_view text, std::string_view source);

/// "2026-01-02T03:04:05Z", with a fraction or an offset as well.
std::optional<std::chrono::system_clock::time_point> ParseIsoTime(std::string_view text);
/// "2026-01-02T03:04:05Z"
std::string FormatIsoTime(std::chrono::system_clock::time_point time);

}  // namespace strongroom::aws_client
