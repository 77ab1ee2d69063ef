#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "aws_client/config.h"
#include "aws_client/credentials.h"
#include "aws_client/http.h"

namespace strongroom::aws_client {

struct AwsOptions {
  Environment environment = ProcessEnvironment();
  std::string profile{};   // empty: as the environment says
  std::stop_token stop{};  // requests end with kCancelled once it is requested
};

/// What clients of AWS's services have in common.
struct Aws {
  std::shared_ptr<const Config> config{};
  std::shared_ptr<HttpClient> http{};
  std::shared_ptr<CredentialsProvider> credentials{};
};

/// Errors: those of LoadConfig and HttpClient::Create. Credentials are looked for when they are first needed.
Result<Aws> OpenAws(const AwsOptions& options);

}  // namespace strongroom::aws_client
