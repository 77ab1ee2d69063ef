#include "aws_client/credentials.h"

#include <fmt/format.h>

#include <algorithm>

#include "aws_client/credential_sources.h"

namespace strongroom::aws_client {
namespace {

constexpr std::chrono::minutes kRefreshBefore{5}, kUsableFor{1}, kTryAgainAfter{1};

bool IsVisible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

class Refreshing final : public CredentialsProvider {
 public:
  Refreshing(CredentialsFetch fetch, Now now) : fetch_(std::move(fetch)), now_(std::move(now)) {}

  Result<std::shared_ptr<const Credentials>> Get() override {
    const std::lock_guard lock(mutex_);
    const auto now = now_();
    const bool lasts = current_ != nullptr && (!current_->expires || *current_->expires - now > kRefreshBefore);
    if (lasts) return current_;
    const bool usable = current_ != nullptr && *current_->expires - now > kUsableFor;
    if (usable && now < not_before_) return current_;
    auto fetched = fetch_();
    if (fetched.ok()) {
      current_ = std::make_shared<const Credentials>(*std::move(fetched));
      return current_;
    }
    if (!usable) return std::move(fetched).error();
    not_before_ = now + kTryAgainAfter;
    return current_;
  }
  void Invalidate() override {
    const std::lock_guard lock(mutex_);
    current_.reset();
  }

 private:
  const CredentialsFetch fetch_;
  const Now now_;
  std::mutex mutex_;
  std::shared_ptr<const Credentials> current_;
  std::chrono::system_clock::time_point not_before_{};
};

/// Looks for the source once, at the first Get.
class Chain final : public CredentialsProvider {
 public:
  Chain(std::shared_ptr<const Config> config, std::shared_ptr<HttpClient> http)
      : context_{std::move(config), std::move(http)} {}

  Result<std::shared_ptr<const Credentials>> Get() override {
    SR_TRY(CredentialsProvider* const found, Found());
    return found->Get();
  }
  void Invalidate() override {
    const std::lock_guard lock(mutex_);
    if (found_ != nullptr) found_->Invalidate();
  }

 private:
  Result<CredentialsProvider*> Found() {
    const std::lock_guard lock(mutex_);
    if (found_ == nullptr) {
      SR_TRY(auto fetch, Look());
      found_ = MakeRefreshing(std::move(fetch));
    }
    return found_.get();
  }

  /// A source whose credentials are texts is read again with each fetch, as a file may have changed by then.
  template <typename Read>
  Result<std::optional<CredentialsFetch>> Fixed(Read read) {
    SR_TRY(const auto first, read());
    if (!first) return std::optional<CredentialsFetch>();
    return std::optional<CredentialsFetch>([read]() -> Result<Credentials> {
      auto again = read();
      if (!again.ok()) return std::move(again).error();
      if (!again->has_value()) return Error(Errc::kMissingAuthentication, "The AWS credentials are gone.");
      return std::move(**again);
    });
  }

  Result<CredentialsFetch> Look() {
    const std::shared_ptr<const Config> config = context_.config;
    std::optional<CredentialsFetch> found;
    SR_TRY(found, Fixed([config] { return EnvironmentCredentials(*config); }));
    if (found) return *std::move(found);
    SR_TRY(found, RoleSource(context_));
    if (found) return *std::move(found);
    SR_TRY(found, WebIdentitySource(context_));
    if (found) return *std::move(found);
    SR_TRY(found, SsoSource(context_, config->profile));
    if (found) return *std::move(found);
    SR_TRY(found, Fixed([config] { return FileCredentials(*config, config->profile); }));
    if (found) return *std::move(found);
    SR_TRY(found, ProcessSource(context_, config->profile));
    if (found) return *std::move(found);
    SR_TRY(found, Fixed([config] { return ConfigFileCredentials(*config, config->profile); }));
    if (found) return *std::move(found);
    SR_TRY(found, ContainerSource(context_));
    if (found) return *std::move(found);
    SR_TRY(found, InstanceSource(context_));
    if (found) return *std::move(found);
    return Error(
        Errc::kMissingAuthentication,
        fmt::format("There are no AWS credentials: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, nor "
                    "AWS_WEB_IDENTITY_TOKEN_FILE, nor any for profile {} in {} and {}, nor those of a container "
                    "or an EC2 instance.",
                    config->profile, config->credentials_file.string(), config->config_file.string()));
  }

  const SourceContext context_;
  std::mutex mutex_;
  std::unique_ptr<CredentialsProvider> found_;
};

}  // namespace

Result<Credentials> MakeCredentials(std::string_view access_key_id, std::string_view secret_access_key,
                                    std::string_view session_token, std::string_view source) {
  const auto wrong = [&](std::string_view what) {
    return Error(Errc::kInvalidArgument, fmt::format("The {} of {} is missing, too long, or not made of printable "
                                                     "characters.",
                                                     what, source));
  };
  if (access_key_id.empty() || access_key_id.size() > 128 || !IsVisible(access_key_id)) return wrong("access key id");
  if (secret_access_key.empty() || secret_access_key.size() > 1024 || !IsVisible(secret_access_key)) {
    return wrong("secret access key");
  }
  if (session_token.size() > (std::size_t{32} << 10) || !IsVisible(session_token)) return wrong("session token");
  constexpr std::string_view kStart = "AWS4";
  Credentials credentials;
  credentials.access_key_id = access_key_id;
  credentials.source = source;
  SR_TRY(
      credentials.signing_start,
      SecretBuffer::Produce(kStart.size() + secret_access_key.size(), [&](std::span<std::uint8_t> out) -> std::size_t {
        std::ranges::copy(secret_access_key, std::ranges::copy(kStart, out.begin()).out);
        return out.size();
      }));
  if (!session_token.empty()) {
    SR_TRY(credentials.session_token, SecretBuffer::CopyOf(AsBytes(session_token)));
  }
  return credentials;
}

std::unique_ptr<CredentialsProvider> MakeRefreshing(CredentialsFetch fetch, Now now) {
  return std::make_unique<Refreshing>(std::move(fetch), std::move(now));
}

std::unique_ptr<CredentialsProvider> MakeCredentialsChain(std::shared_ptr<const Config> config,
                                                          std::shared_ptr<HttpClient> http) {
  return std::make_unique<Chain>(std::move(config), std::move(http));
}

}  // namespace strongroom::aws_client
