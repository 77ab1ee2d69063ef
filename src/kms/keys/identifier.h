#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace strongroom::kms {

/// A KeyId of a request: spec/kms.md 2.1.
struct KeyIdentifier {
  enum class Form : std::uint8_t { kKey, kAlias } form = Form::kKey;
  std::string account;  // the ARN's, or the caller's for a bare id or alias name
  std::string region;
  std::string name;  // key id, or alias name with "alias/"
  bool is_arn = false;

  std::string Arn() const {
    return "arn:aws:kms:" + region + ":" + account + ":" + (form == Form::kKey ? "key/" : "") + name;
  }
};

/// Which forms an operation takes: all four, or key ids and key ARNs; of the caller's own account, or of any.
enum class IdForms : std::uint8_t { kAll, kKeyOnly, kKeyOfAnyAccount };

/// Errors: kNotFound `Invalid keyId '<x>'` and `Invalid arn <region>`; kInvalidArn.
Result<KeyIdentifier> ParseKeyIdentifier(std::string_view text, IdForms forms, std::string_view caller_account,
                                         std::string_view called_region);

}  // namespace strongroom::kms
