#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "aws_client/ini_file.h"
#include "base/result.h"

namespace strongroom::aws_client {

/// The environment variables that a program was started with, or a test's.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;
Environment ProcessEnvironment();
Environment EnvironmentOf(std::map<std::string, std::string, std::less<>> variables);

enum class Addressing : std::uint8_t { kAuto, kPath, kVirtual };

/// What the AWS command line interface would read, with its precedence: environment, then the profile in the
/// configuration file. Variables: AWS_PROFILE, AWS_DEFAULT_PROFILE, AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE,
/// AWS_REGION, AWS_DEFAULT_REGION, AWS_CA_BUNDLE, AWS_MAX_ATTEMPTS, AWS_RETRY_MODE,
/// AWS_IGNORE_CONFIGURED_ENDPOINT_URLS. Settings: region, ca_bundle, max_attempts, retry_mode,
/// ignore_configured_endpoint_urls, s3.addressing_style. The retry modes are all the standard one here (retry.h).
/// Source: AWS SDKs and Tools Reference Guide, "Settings reference".
struct Config {
  Environment environment{};
  std::string profile{};           // "default" where none is named
  bool profile_by_caller = false;  // and not by the environment
  std::filesystem::path config_file{}, credentials_file{};
  /// Sections: "default" and the profiles under their names, "services NAME", "sso-session NAME".
  IniFile sections{};
  IniFile credentials{};

  std::string region{};  // empty when nothing says one
  std::string ca_bundle{};
  Addressing addressing = Addressing::kAuto;
  std::optional<int> max_attempts{};  // as it was set

  /// A setting of the profile: none when it is missing.
  std::optional<std::string> Setting(std::string_view name) const;
  /// The URL that was set for "s3", "kms", "sts" or "iam": AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's
  /// services section, the profile's endpoint_url. Errors: kInvalidArgument where a named services section is missing.
  Result<std::optional<std::string>> EndpointUrl(std::string_view service) const;
};

/// `profile`: what the caller asked for; empty: what the environment says.
/// Errors: kInvalidArgument with the file and line, or the variable, that is wrong; kNotFound for a profile that was
/// named and is in neither file.
Result<Config> LoadConfig(Environment environment, std::string_view profile = "");

/// scheme://host[:port][/path], taken apart and checked. What plain http may carry is the client's to decide.
struct Endpoint {
  std::string scheme{}, host{},
      path{};  // host with the port where it is not the scheme's own; path without a last slash
  std::string Url() const { return scheme + "://" + host + path; }
  std::string_view HostName() const;  // without port and brackets
};
Result<Endpoint> ParseEndpoint(std::string_view url);
/// For services that answer with secrets (KMS, STS). Errors: kInvalidArgument for plain http to another machine.
Status MustBePrivate(const Endpoint& endpoint, std::string_view service);
/// AWS's own endpoint of a service in a Region, in the Region's partition ("amazonaws.com.cn" for cn-*).
Result<Endpoint> DefaultEndpoint(std::string_view service, std::string_view region);
/// What EndpointUrl says, else AWS's own. `given` (--endpoint) comes first where it is not empty.
Result<Endpoint> EndpointFor(const Config& config, std::string_view service, std::string_view region,
                             std::string_view given = "");

/// "eu-central-1": letters, digits, hyphens; goes into host names. Errors: kInvalidArgument.
Status CheckRegion(std::string_view region);

}  // namespace strongroom::aws_client
