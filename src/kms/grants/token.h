#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "kms/grants/grant.h"
#include "secret/secret_buffer.h"

namespace strongroom::kms {

/// What a grant token says.
struct GrantName {
  std::string account, region, key_id, grant_id;
};

/// Grant tokens: they prove that a grant was made, so that a front end that has not seen it yet looks again. They bear
/// no permission of their own (spec/kms.md 6.4).
///
/// Threads   any number at once.
/// Source    docs/formats.md 15.
class GrantTokens {
 public:
  /// `key` is what all front ends of the deployment share.
  explicit GrantTokens(SecretBuffer key) : key_(std::move(key)) {}
  /// A fresh one each time. Errors: kInternal (no randomness).
  Result<std::string> Make(const Grant& grant) const;
  /// Errors: kInvalidGrantToken.
  Result<GrantName> Read(std::string_view token) const;

 private:
  SecretBuffer key_;
};

/// kInvalidGrantToken: nonsense, or the token of a grant that is gone.
Error InvalidGrantToken();

}  // namespace strongroom::kms
