#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "secret/secret_buffer.h"
#include "sigv4/canonical.h"

namespace strongroom::sigv4 {

/// What a client signs of a request. Views.
struct Signable {
  std::string_view method = "POST";
  std::string_view path = "/";  // as sent
  std::string_view query{};     // as sent, without the question mark
  /// All of them are signed, Host and X-Amz-Date among them; names in any case, at most one of each.
  std::span<const std::pair<std::string, std::string>> headers{};
  std::string_view payload{};  // the body's SHA-256 in hex, or what X-Amz-Content-Sha256 says
  PathForm path_form = PathForm::kNormalized;
  std::string_view region{}, service{};
};

struct SignatureParts {
  std::string canonical_request{}, string_to_sign{}, signature{};
  std::string authorization{};  // the header's value
};

/// `start` is "AWS4" before the secret access key.
/// Errors: kInvalidArgument when X-Amz-Date is missing or malformed; those of the locked pool.
/// Source: AWS General Reference, "Create a signed AWS API request".
Result<SignatureParts> Sign(const Signable& request, std::string_view access_key_id, const SecretBuffer& start);

}  // namespace strongroom::sigv4
