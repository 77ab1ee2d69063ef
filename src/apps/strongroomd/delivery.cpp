#include "apps/strongroomd/delivery.h"

#include <map>

#include "aws_client/s3_store.h"

namespace strongroom::service {
namespace {

/// What the process was started with, with the configuration's own in its place. Keys in the environment are not looked
/// at where a file of credentials is named, nor files in a home that is another user's.
aws_client::Environment EnvironmentOf(const Config& config) {
  const auto& s3 = config.audit.s3;
  std::map<std::string, std::optional<std::string>, std::less<>> own;
  if (!s3.region.empty()) own["AWS_REGION"] = s3.region;
  if (!s3.ca_file.empty()) own["AWS_CA_BUNDLE"] = s3.ca_file.string();
  const aws_client::Environment process = aws_client::ProcessEnvironment();
  for (const char* name : {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"})
    if (!process(name)) own[name] = "/dev/null";
  if (!s3.config_file.empty()) own["AWS_CONFIG_FILE"] = s3.config_file.string();
  if (!s3.credentials_file.empty()) {
    own["AWS_SHARED_CREDENTIALS_FILE"] = s3.credentials_file.string();
    for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}) own[name].reset();
  }
  return [own = std::move(own), process](std::string_view name) -> std::optional<std::string> {
    const auto found = own.find(name);
    return found != own.end() ? found->second : process(name);
  };
}

}  // namespace

std::unique_ptr<trail::Delivery> MakeDelivery(const Config& config, store::Database& database,
                                              const trail::KeeperOptions& keeper) {
  const auto& s3 = config.audit.s3;
  if (s3.bucket.empty()) return nullptr;
  trail::DeliveryOptions options{.front_end = keeper.front_end,
                                 .bucket = s3.bucket,
                                 .prefix = s3.prefix,
                                 .home = {config.account.id, config.audit.region},
                                 .sign = keeper.sign,
                                 .public_key = keeper.public_key,
                                 .gone = keeper.gone};
  options.bytes_per_second = static_cast<std::size_t>(s3.kib_per_second) << 10;
  options.open = [&config](std::stop_token stop) -> Result<std::unique_ptr<aws_client::ObjectStore>> {
    const auto& to = config.audit.s3;
    SR_TRY(const aws_client::Aws aws,
           aws_client::OpenAws({.environment = EnvironmentOf(config), .profile = to.profile, .stop = std::move(stop)}));
    return aws_client::OpenS3Store(aws, "s3://" + to.bucket + "/" + to.prefix, to.endpoint);
  };
  return std::make_unique<trail::Delivery>(database, std::move(options));
}

}  // namespace strongroom::service
