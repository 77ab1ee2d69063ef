#include "aws_client/aws.h"

namespace strongroom::aws_client {

Result<Aws> OpenAws(const AwsOptions& options) {
  SR_TRY(auto config, LoadConfig(options.environment, options.profile));
  Aws aws;
  aws.config = std::make_shared<const Config>(std::move(config));
  SR_TRY(aws.http, HttpClient::Create({.ca_bundle = aws.config->ca_bundle, .stop = options.stop}));
  aws.credentials = MakeCredentialsChain(aws.config, aws.http);
  return aws;
}

}  // namespace strongroom::aws_client
