#pragma once

#include <array>
#include <boost/container/small_vector.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "aws/http/handler.h"
#include "aws/sigv4/verify.h"

namespace strongroom::aws {

/// What a request says about its own signature, before any of it is believed. Views into the request, or, of a
/// presigned one, into `decoded`.
struct SignatureClaim {
  std::string_view credential, signature, date_text;  // as sent (decoded, when from a query)
  std::string_view signed_headers;
  std::string_view key_id, date, region, service, terminator;           // the five parts of `credential`
  boost::container::small_vector<std::string_view, 12> signed_names{};  // of signed_headers
  std::string_view security_token;
  std::unique_ptr<std::array<std::string, 7>> decoded{};
  bool has_token = false;
  bool presigned = false;
  long long expires_seconds = 0;  // presigned only
};

/// Rows 1 to 5 of spec/kms.md 1.5. Errors: kMissingAuthentication, kIncompleteSignature.
Result<ports::WallTime> ReadClaim(const HttpRequest& request, Presigned presigned, SignatureClaim& claim);

}  // namespace strongroom::aws
