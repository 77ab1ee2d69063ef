#include <filesystem>
#include <mutex>

#include "archive/access.h"
#include "aws_client/directory_store.h"
#include "aws_client/kms_client.h"
#include "aws_client/s3_store.h"
#include "crypto/encrypted_key.h"
#include "encryption_sdk/raw_rsa_keyring.h"
#include "terminal/terminal.h"

namespace strongroom::archive {
namespace {

Result<encryption_sdk::KeyringPtr> OpenOffline(const OfflineAccess& offline) {
  SR_TRY(const SecretBuffer pem, cli::Terminal::ReadKeyFile(offline.key_file));
  std::optional<crypto::PrivateKey> key;
  if (crypto::IsTraditionalEncryptedPem(pem))
    return Error(
        Errc::kInvalidArgument,
        fmt::format("{} is encrypted in the traditional form. `openssl pkcs8 -topk8 -in {} -out NEW` makes one "
                    "of today's, which is taken.",
                    offline.key_file, offline.key_file));
  if (crypto::IsEncryptedPem(pem)) {
    SR_TRY(const SecretBuffer password, offline.password_file.empty()
                                            ? cli::Terminal::AskPassword("Password of " + offline.key_file + ": ")
                                            : cli::Terminal::ReadPasswordFile(offline.password_file));
    SR_TRY(key, crypto::FromEncryptedPem(pem, password));
  } else {
    SR_TRY(key, crypto::PrivateKey::FromPem(pem));
  }
  encryption_sdk::RawRsaOptions options;
  options.name_space = kOfflineNamespace;
  options.name = OfflineKeyName(key->public_key().ToSpki());
  options.private_key = std::move(key);
  return encryption_sdk::MakeRawRsaKeyring(std::move(options));
}

/// As configured. The location's Region, which is its bucket's, comes before the environment; what the environment says
/// of the way to a service is the bucket's, too, where KMS has a profile of its own.
Result<aws_client::Aws> OpenAwsFor(const std::string& region, const std::string& profile) {
  aws_client::AwsOptions options;
  options.profile = profile;
  options.environment = [region, own = !profile.empty(), process = aws_client::ProcessEnvironment()](
                            std::string_view name) -> std::optional<std::string> {
    if (name == "AWS_REGION" && !region.empty()) return region;
    if (own && (name == "AWS_ENDPOINT_URL" || name == "AWS_ENDPOINT_URL_KMS" || name == "AWS_CA_BUNDLE"))
      return std::nullopt;
    return process(name);
  };
  return aws_client::OpenAws(options);
}

/// KMS with configuration and credentials that are looked for when it is first asked: what an offline key opens needs
/// neither.
class KmsWhenAsked final : public encryption_sdk::KmsSupplier {
 public:
  explicit KmsWhenAsked(const Location& location)
      : region_(location.region), profile_(location.kms_profile), endpoint_(location.kms_endpoint) {}
  Result<std::shared_ptr<encryption_sdk::KmsPort>> ForRegion(std::string_view region) override {
    const std::lock_guard lock(mutex_);
    if (!clients_) {
      SR_TRY(aws_client::Aws aws, OpenAwsFor(region_, profile_));
      clients_ = std::make_unique<aws_client::KmsClients>(std::move(aws), endpoint_);
    }
    return clients_->ForRegion(region);
  }

 private:
  const std::string region_, profile_, endpoint_;
  std::mutex mutex_;
  std::unique_ptr<aws_client::KmsClients> clients_;
};

}  // namespace

Result<Access> OpenAccess(Location location, const OfflineAccess& offline, bool create_directory) {
  Access access;
  if (location.is_s3()) {
    SR_TRY(const aws_client::Aws aws, OpenAwsFor(location.region, ""));
    SR_TRY(access.store, aws_client::OpenS3Store(aws, location.url, location.s3_endpoint));
    if (location.kms_profile.empty())
      access.kms = std::make_shared<aws_client::KmsClients>(aws, location.kms_endpoint);
    else
      access.kms = std::make_shared<KmsWhenAsked>(location);
  } else {
    if (create_directory) SR_CHECK(MakePrivateDirectories(location.url));
    SR_TRY(access.store, aws_client::OpenDirectoryStore(location.url, aws_client::DirectoryUse::kMustExist));
    access.kms = std::make_shared<KmsWhenAsked>(location);
  }
  if (!offline.key_file.empty()) {
    SR_TRY(access.offline, OpenOffline(offline));
  }
  access.location = std::move(location);
  return access;
}

}  // namespace strongroom::archive
