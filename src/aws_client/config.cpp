#include "aws_client/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace strongroom::aws_client {
namespace {

namespace fs = std::filesystem;

Error Wrong(std::string text) { return Error(Errc::kInvalidArgument, std::move(text)); }

fs::path HomeFile(const Environment& environment, std::string_view name, const char* rest) {
  if (const auto named = environment(name); named && !named->empty()) {
    if (named->starts_with("~/")) return fs::path(environment("HOME").value_or("")) / named->substr(2);
    return *named;
  }
  return fs::path(environment("HOME").value_or("")) / rest;
}

/// "profile x" of the configuration file becomes "x"; what else may stand there keeps its name.
IniFile ByProfile(IniFile from) {
  IniFile by_profile;
  for (auto& [name, section] : from) {
    constexpr std::string_view kProfile = "profile ";
    std::string plain = name;
    if (plain.starts_with(kProfile)) {
      plain.erase(0, kProfile.size());
      plain.erase(0, plain.find_first_not_of(' '));
    } else if (plain != "default" && !plain.starts_with("services ") && !plain.starts_with("sso-session ")) {
      continue;  // as AWS's tools do, a profile without "profile" is passed over there
    }
    if (by_profile.contains(plain) && name == plain) continue;  // [profile default] goes before [default]
    by_profile.insert_or_assign(plain, std::move(section));
  }
  return by_profile;
}

std::optional<std::string> First(const Config& config, std::initializer_list<std::string_view> variables,
                                 std::string_view setting) {
  for (const std::string_view variable : variables) {
    if (auto value = config.environment(variable); value && !value->empty()) return value;
  }
  return config.Setting(setting);
}

Result<bool> Switch(const std::optional<std::string>& value, std::string_view name) {
  if (!value || *value == "false") return false;
  if (*value == "true") return true;
  return Wrong(fmt::format("{} is neither true nor false.", name));
}

Status ReadChoices(Config& config) {
  if (const auto attempts = First(config, {"AWS_MAX_ATTEMPTS"}, "max_attempts")) {
    const char* const end = attempts->data() + attempts->size();
    int number = 0;
    const auto [last, failed] = std::from_chars(attempts->data(), end, number);
    if (failed != std::errc() || last != end || number < 1 || number > 100) {
      return Wrong("max_attempts (AWS_MAX_ATTEMPTS) is not a number from 1 to 100.");
    }
    config.max_attempts = number;
  }
  if (const auto mode = First(config, {"AWS_RETRY_MODE"}, "retry_mode")) {
    if (*mode != "standard" && *mode != "adaptive" && *mode != "legacy") {
      return Wrong("retry_mode (AWS_RETRY_MODE) is none of standard, adaptive and legacy.");
    }
  }
  if (const auto style = config.Setting("s3.addressing_style")) {
    if (*style == "path") {
      config.addressing = Addressing::kPath;
    } else if (*style == "virtual") {
      config.addressing = Addressing::kVirtual;
    } else if (*style != "auto") {
      return Wrong("addressing_style is none of auto, path and virtual.");
    }
  }
  return {};
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c == ' ' || c == '-' ? '_' : c;
  });
  return upper;
}

bool IsHostName(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
}

}  // namespace

Environment ProcessEnvironment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* const value = std::getenv(std::string(name).c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

Environment EnvironmentOf(std::map<std::string, std::string, std::less<>> variables) {
  return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
}

std::optional<std::string> Config::Setting(std::string_view name) const {
  const auto section = sections.find(profile);
  if (section == sections.end()) return std::nullopt;
  const auto value = section->second.find(name);
  if (value == section->second.end() || value->second.empty()) return std::nullopt;
  return std::string(TextOf(value->second));
}

Result<std::optional<std::string>> Config::EndpointUrl(std::string_view service) const {
  SR_TRY(const bool ignore,
         Switch(First(*this, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}, "ignore_configured_endpoint_urls"),
                "ignore_configured_endpoint_urls (AWS_IGNORE_CONFIGURED_ENDPOINT_URLS)"));
  if (ignore) return std::optional<std::string>();
  for (const std::string& variable : {"AWS_ENDPOINT_URL_" + Upper(service), std::string("AWS_ENDPOINT_URL")}) {
    if (auto url = environment(variable); url && !url->empty()) return url;
  }
  if (const auto services = Setting("services")) {
    const auto section = sections.find("services " + *services);
    if (section == sections.end()) {
      return Wrong(fmt::format("{} has no section [services {}], which profile {} names.", config_file.string(),
                               *services, profile));
    }
    const auto url = section->second.find(fmt::format("{}.endpoint_url", service));
    if (url != section->second.end() && !url->second.empty()) {
      return std::optional<std::string>(TextOf(url->second));
    }
  }
  return Setting("endpoint_url");
}

Result<Config> LoadConfig(Environment environment, std::string_view profile) {
  Config config;
  config.environment = std::move(environment);
  config.config_file = HomeFile(config.environment, "AWS_CONFIG_FILE", ".aws/config");
  config.credentials_file = HomeFile(config.environment, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
  SR_TRY(auto sections, ReadIni(config.config_file));
  config.sections = ByProfile(std::move(sections));
  SR_TRY(config.credentials, ReadIni(config.credentials_file));

  config.profile = profile;
  config.profile_by_caller = !profile.empty();
  for (const char* variable : {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"}) {
    if (config.profile.empty()) config.profile = config.environment(variable).value_or("");
  }
  const bool named = !config.profile.empty();
  if (!named) config.profile = "default";
  if (named && !config.sections.contains(config.profile) && !config.credentials.contains(config.profile)) {
    return Error(Errc::kNotFound, fmt::format("There is no profile {} in {} and {}.", config.profile,
                                              config.config_file.string(), config.credentials_file.string()));
  }
  config.region = First(config, {"AWS_REGION", "AWS_DEFAULT_REGION"}, "region").value_or("");
  if (!config.region.empty()) SR_CHECK(CheckRegion(config.region));
  config.ca_bundle = First(config, {"AWS_CA_BUNDLE"}, "ca_bundle").value_or("");
  SR_CHECK(ReadChoices(config));
  return config;
}

std::string_view Endpoint::HostName() const {
  std::string_view name = host;
  if (name.starts_with('[')) return name.substr(1, name.find(']') - 1);
  return name.substr(0, name.find(':'));
}

Result<Endpoint> ParseEndpoint(std::string_view url) {
  const auto wrong = [&](std::string_view why) {
    return Wrong(fmt::format("The endpoint is not http(s)://host[:port][/path]: {}.", why));
  };
  Endpoint endpoint;
  constexpr std::string_view kBetween = "://";
  const std::size_t between = url.find(kBetween);
  endpoint.scheme = url.substr(0, between);
  if (between == std::string_view::npos || (endpoint.scheme != "https" && endpoint.scheme != "http")) {
    return wrong("it begins otherwise");
  }
  const std::string_view rest = url.substr(between + kBetween.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view authority = rest.substr(0, slash);
  std::string_view path = rest.substr(slash);
  if (std::ranges::count(authority, '@') != 0) return wrong("it holds a user name");
  if (std::ranges::any_of(path, [](char c) { return c <= ' ' || c == '?' || c == '#' || c == '%' || c == 0x7f; })) {
    return wrong("its path holds more than plain characters");
  }
  std::string_view name = authority, port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return wrong("a bracket is missing");
    name = authority.substr(0, end + 1);
    port = authority.substr(end + 1);
    const std::string_view inner = name.substr(1, name.size() - 2);
    if (inner.empty() || inner.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) {
      return wrong("it names no host");
    }
  } else {
    name = authority.substr(0, authority.find(':'));
    port = authority.substr(name.size());
    if (!IsHostName(name)) return wrong("it names no host");
  }
  endpoint.host = name;
  if (!port.empty()) {
    int number = 0;
    const auto [last, failed] = std::from_chars(port.data() + 1, port.data() + port.size(), number);
    if (port[0] != ':' || failed != std::errc() || last != port.data() + port.size() || number < 1 || number > 65535) {
      return wrong("its port is no number from 1 to 65535");
    }
    if (number != (endpoint.scheme == "https" ? 443 : 80)) endpoint.host += fmt::format(":{}", number);
  }
  while (path.ends_with('/')) path.remove_suffix(1);
  endpoint.path = path;
  return endpoint;
}

Status MustBePrivate(const Endpoint& endpoint, std::string_view service) {
  const std::string_view host = endpoint.HostName();
  if (endpoint.scheme == "https" || host == "localhost" || host == "::1" || host.starts_with("127.")) return {};
  return Wrong(fmt::format(
      "The endpoint of {} is plain http to another machine; its answers hold keys, so it has to be https.", service));
}

Status CheckRegion(std::string_view region) {
  const bool good =
      !region.empty() && region.size() <= 63 && region.front() != '-' && region.back() != '-' &&
      std::ranges::all_of(region, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  if (good) return {};
  return Wrong("The Region's name is not made of lower-case letters, digits and hyphens.");
}

Result<Endpoint> DefaultEndpoint(std::string_view service, std::string_view region) {
  if (region.empty()) {
    return Wrong("No Region is set: set AWS_REGION, or region in the profile.");
  }
  SR_CHECK(CheckRegion(region));
  std::string_view domain = "amazonaws.com";
  if (region.starts_with("cn-")) domain = "amazonaws.com.cn";
  if (region.starts_with("us-iso-")) domain = "c2s.ic.gov";
  if (region.starts_with("us-isob-")) domain = "sc2s.sgov.gov";
  if (region.starts_with("eusc-")) domain = "amazonaws.eu";
  return Endpoint{.scheme = "https", .host = fmt::format("{}.{}.{}", service, region, domain)};
}

Result<Endpoint> EndpointFor(const Config& config, std::string_view service, std::string_view region,
                             std::string_view given) {
  if (!given.empty()) return ParseEndpoint(given);
  SR_TRY(const auto url, config.EndpointUrl(service));
  if (url) return ParseEndpoint(*url);
  return DefaultEndpoint(service, region);
}

}  // namespace strongroom::aws_client
