#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "aws/http/handler.h"
#include "aws/sigv4/verify.h"

namespace strongroom::aws {

/// What a request says about its own signature, before any of it is believed.
struct SignatureClaim {
  std::string credential, signature, date_text;  // as sent (decoded, when from a query)
  std::string signed_headers;
  std::string key_id, date, region, service, terminator;  // the five parts of `credential`
  std::vector<std::string_view> signed_names;             // views into signed_headers
  std::string security_token;
  bool has_token = false;
  bool presigned = false;
  long long expires_seconds = 0;  // presigned only
};

/// Rows 1 to 5 of spec/kms.md 1.5. Errors: kMissingAuthentication, kIncompleteSignature.
Result<ports::WallTime> ReadClaim(const HttpRequest& request, Presigned presigned, SignatureClaim& claim);

}  // namespace strongroom::aws
