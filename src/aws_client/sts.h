#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "aws_client/credentials.h"
#include "aws_client/http.h"
#include "aws_client/service_call.h"

namespace strongroom::aws_client {

struct AssumeRoleInput {
  std::string role_arn{}, session_name{};
  std::string external_id{};
  int duration_seconds = 0;  // 0: what the service thinks
};

struct CallerIdentity {
  std::string account{}, arn{}, user_id{};
};

/// AWS STS over its query protocol. Errors carry STS's code and message.
/// Threads   any number of calls at once.
class StsClient {
 public:
  /// Without a Region in `config`, the global endpoint. `credentials` may be null for AssumeRoleWithWebIdentity.
  static Result<std::unique_ptr<StsClient>> Create(const Config& config, std::shared_ptr<HttpClient> http,
                                                   std::shared_ptr<CredentialsProvider> credentials);

  Result<Credentials> AssumeRole(const AssumeRoleInput& input);
  Result<Credentials> AssumeRoleWithWebIdentity(const AssumeRoleInput& input, std::string_view token);
  Result<CallerIdentity> GetCallerIdentity();

 private:
  StsClient(Endpoint endpoint, std::string region, ServiceCaller* caller);
  Result<HttpResponse> Call(std::string_view form, std::string_view action);

  const Endpoint endpoint_;
  const std::string region_;
  const std::unique_ptr<ServiceCaller> caller_;
};

}  // namespace strongroom::aws_client
