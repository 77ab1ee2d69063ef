#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "aws_client/credential_sources.h"
#include "aws_client/sts.h"
#include "base/file.h"

namespace strongroom::aws_client {
namespace {

constexpr std::size_t kLargestToken = 20'000;  // STS's own bound

Error Wrong(std::string text) { return Error(Errc::kInvalidArgument, std::move(text)); }

Result<std::optional<Credentials>> StaticCredentials(const IniFile& file, const std::filesystem::path& path,
                                                     const std::string& profile) {
  const auto section = file.find(profile);
  if (section == file.end()) return std::optional<Credentials>();
  const auto text = [&](std::string_view name) {
    const auto value = section->second.find(name);
    return value == section->second.end() ? std::string_view() : TextOf(value->second);
  };
  const std::string_view id = text("aws_access_key_id"), secret = text("aws_secret_access_key");
  if (id.empty() && secret.empty()) return std::optional<Credentials>();
  const std::string source = fmt::format("profile {} in {}", profile, path.string());
  if (id.empty() || secret.empty()) {
    return Wrong(fmt::format("Of aws_access_key_id and aws_secret_access_key, {} has only one.", source));
  }
  std::string_view token = text("aws_session_token");
  if (token.empty()) token = text("aws_security_token");
  SR_TRY(auto credentials, MakeCredentials(id, secret, token, source));
  return std::optional<Credentials>(std::move(credentials));
}

std::string SessionName(const std::optional<std::string>& wanted) {
  if (wanted && !wanted->empty()) return *wanted;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return fmt::format("strongroom-{}", std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

Result<int> Duration(const std::optional<std::string>& text) {
  if (!text) return 0;
  int seconds = 0;
  const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (failed != std::errc() || end != text->data() + text->size() || seconds < 900 || seconds > 43'200) {
    return Wrong("duration_seconds is not a number from 900 to 43200.");
  }
  return seconds;
}

/// Credentials from a web identity: `token_file` is read anew each time, as whoever writes it replaces it.
CredentialsFetch WebIdentityFetch(const SourceContext& context, std::string token_file, AssumeRoleInput input) {
  return [context, token_file = std::move(token_file), input = std::move(input)]() -> Result<Credentials> {
    SR_TRY(std::string token, ReadFile(token_file, kLargestToken));
    while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) token.pop_back();
    if (token.empty()) return Wrong(fmt::format("The web identity token file {} is empty.", token_file));
    auto sts = StsClient::Create(*context.config, context.http, nullptr);
    if (!sts.ok()) return std::move(sts).error();
    auto credentials = (*sts)->AssumeRoleWithWebIdentity(input, token);
    secret::Wipe(token.data(), token.size());
    return credentials;
  };
}

/// What stands behind role_arn, followed from profile to profile.
class RoleChain {
 public:
  explicit RoleChain(const SourceContext& context) : context_(context), config_(*context.config) {}

  /// Credentials of `profile` whatever kind they are; nothing when it has none.
  MaybeFetch Of(const std::string& profile, bool role_first) {
    const auto role = ProfileSetting(config_, profile, "role_arn");
    const bool seen = !visited_.insert(profile).second;
    // A profile may name itself as the source, and means its own keys then.
    if (role && role_first && !seen) return Role(profile, *role);
    if (seen && role_first) {
      return Wrong(fmt::format("The source_profile settings lead in a circle, through profile {}.", profile));
    }
    const SourceContext context = context_;
    SR_TRY(auto sso, SsoSource(context_, profile));
    if (sso) return sso;
    SR_TRY(const auto in_file, FileCredentials(config_, profile));
    if (in_file) return Again([context, profile] { return FileCredentials(*context.config, profile); });
    SR_TRY(auto process, ProcessSource(context_, profile));
    if (process) return process;
    SR_TRY(const auto in_config, ConfigFileCredentials(config_, profile));
    if (in_config) return Again([context, profile] { return ConfigFileCredentials(*context.config, profile); });
    return std::optional<CredentialsFetch>();
  }

  MaybeFetch Role(const std::string& profile, const std::string& role_arn) {
    AssumeRoleInput input{.role_arn = role_arn,
                          .session_name = SessionName(ProfileSetting(config_, profile, "role_session_name")),
                          .external_id = ProfileSetting(config_, profile, "external_id").value_or("")};
    SR_TRY(input.duration_seconds, Duration(ProfileSetting(config_, profile, "duration_seconds")));
    if (const auto file = ProfileSetting(config_, profile, "web_identity_token_file")) {
      return std::optional(WebIdentityFetch(context_, *file, std::move(input)));
    }
    if (ProfileSetting(config_, profile, "mfa_serial")) {
      return Error(Errc::kUnsupported,
                   fmt::format("Profile {} needs a code of an MFA device (mfa_serial), which nobody is asked for here. "
                               "`aws sts assume-role --token-code ...` gives credentials for the environment.",
                               profile));
    }
    const auto source = ProfileSetting(config_, profile, "source_profile");
    const auto kind = ProfileSetting(config_, profile, "credential_source");
    if (source && kind) return Wrong(fmt::format("Profile {} has both source_profile and credential_source.", profile));
    if (!source && !kind) {
      return Wrong(
          fmt::format("Profile {} has a role_arn, but neither source_profile nor credential_source.", profile));
    }
    std::optional<CredentialsFetch> base;
    if (source) {
      if (!config_.sections.contains(*source) && !config_.credentials.contains(*source)) {
        return Wrong(fmt::format("Profile {} names the source_profile {}, which does not exist.", profile, *source));
      }
      SR_TRY(base, Of(*source, *source != profile));
    } else {
      SR_TRY(base, OfKind(*kind));
    }
    if (!base) {
      return Wrong(fmt::format("The role of profile {} has no credentials to begin with: {} has none.", profile,
                               source ? "profile " + *source : *kind));
    }
    std::shared_ptr<CredentialsProvider> provider = MakeRefreshing(*std::move(base));
    return std::optional<CredentialsFetch>([context = context_, provider, input]() -> Result<Credentials> {
      auto sts = StsClient::Create(*context.config, context.http, provider);
      if (!sts.ok()) return std::move(sts).error();
      return (*sts)->AssumeRole(input);
    });
  }

 private:
  template <typename Read>
  static MaybeFetch Again(Read read) {
    return std::optional<CredentialsFetch>([read]() -> Result<Credentials> {
      auto again = read();
      if (!again.ok()) return std::move(again).error();
      if (!again->has_value()) return Error(Errc::kMissingAuthentication, "A profile has lost its credentials.");
      return std::move(**again);
    });
  }
  MaybeFetch OfKind(const std::string& kind) {
    const SourceContext context = context_;
    if (kind == "Environment") return Again([context] { return EnvironmentCredentials(*context.config); });
    if (kind == "EcsContainer") return ContainerSource(context_);
    if (kind == "Ec2InstanceMetadata") return InstanceSource(context_);
    return Wrong("credential_source is none of Environment, EcsContainer and Ec2InstanceMetadata.");
  }

  const SourceContext& context_;
  const Config& config_;
  std::set<std::string> visited_;
};

}  // namespace

std::optional<std::string> ProfileSetting(const Config& config, const std::string& profile, std::string_view name) {
  for (const IniFile* file : {&config.credentials, &config.sections}) {
    const auto section = file->find(profile);
    if (section == file->end()) continue;
    const auto value = section->second.find(name);
    if (value != section->second.end() && !value->second.empty()) return std::string(TextOf(value->second));
  }
  return std::nullopt;
}

Result<std::optional<Credentials>> EnvironmentCredentials(const Config& config) {
  if (config.profile_by_caller) return std::optional<Credentials>();
  const auto id = config.environment("AWS_ACCESS_KEY_ID").value_or("");
  auto secret = config.environment("AWS_SECRET_ACCESS_KEY").value_or("");
  if (id.empty() && secret.empty()) return std::optional<Credentials>();
  if (id.empty() || secret.empty()) {
    return Wrong("Of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, only one is set.");
  }
  auto token = config.environment("AWS_SESSION_TOKEN").value_or("");
  if (token.empty()) token = config.environment("AWS_SECURITY_TOKEN").value_or("");
  auto credentials = MakeCredentials(id, secret, token, "the environment");
  secret::Wipe(secret.data(), secret.size());
  if (!credentials.ok()) return std::move(credentials).error();
  return std::optional<Credentials>(*std::move(credentials));
}

MaybeFetch RoleSource(const SourceContext& context) {
  const auto role = ProfileSetting(*context.config, context.config->profile, "role_arn");
  if (!role || ProfileSetting(*context.config, context.config->profile, "web_identity_token_file")) {
    return std::optional<CredentialsFetch>();
  }
  return RoleChain(context).Of(context.config->profile, true);
}

MaybeFetch WebIdentitySource(const SourceContext& context) {
  const Config& config = *context.config;
  const auto either = [&](std::string_view variable, std::string_view setting) -> std::optional<std::string> {
    if (!config.profile_by_caller) {
      if (auto value = config.environment(variable); value && !value->empty()) return value;
    }
    return ProfileSetting(config, config.profile, setting);
  };
  const auto file = either("AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file");
  if (!file) return std::optional<CredentialsFetch>();
  const auto role = either("AWS_ROLE_ARN", "role_arn");
  if (!role) {
    return Wrong("There is a web identity token file (AWS_WEB_IDENTITY_TOKEN_FILE), but no role (AWS_ROLE_ARN).");
  }
  AssumeRoleInput input{.role_arn = *role,
                        .session_name = SessionName(either("AWS_ROLE_SESSION_NAME", "role_session_name"))};
  SR_TRY(input.duration_seconds, Duration(ProfileSetting(config, config.profile, "duration_seconds")));
  return std::optional(WebIdentityFetch(context, *file, std::move(input)));
}

Result<std::optional<Credentials>> FileCredentials(const Config& config, const std::string& profile) {
  SR_TRY(const auto now, ReadIni(config.credentials_file));
  return StaticCredentials(now, config.credentials_file, profile);
}

Result<std::optional<Credentials>> ConfigFileCredentials(const Config& config, const std::string& profile) {
  return StaticCredentials(config.sections, config.config_file, profile);
}

}  // namespace strongroom::aws_client
