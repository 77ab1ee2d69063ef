#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "secret/secret_buffer.h"

namespace strongroom::aws {

/// A request to be signed. `headers` hold Host and X-Amz-Date; all of them are signed.
struct SignRequest {
  std::string_view method = "POST";
  std::string_view target = "/";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string_view body;
  std::string_view region, service;
};

/// Signs as clients do (SigV4, Authorization header) and gives the whole HTTP/1.1 request, with Content-Length.
/// Errors: kInvalidArgument when X-Amz-Date is missing; those of the locked pool.
/// Source: AWS General Reference, "Create a signed AWS API request".
Result<std::string> SignedHttp(const SignRequest& request, std::string_view access_key_id, const SecretBuffer& secret);

}  // namespace strongroom::aws
