#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "secret/secret_buffer.h"

namespace strongroom::kms {

/// Pagination markers: opaque, authenticated, bound to one list of one account and region with its filters
/// (spec/kms.md 9), so that a marker cannot be made up or taken elsewhere.
class Markers {
 public:
  explicit Markers(SecretBuffer key) : key_(std::move(key)) {}
  /// `list` names operation, account, region and filters; `after` is the last sort key shown, in UTF-8 and of at
  /// most 256 characters or 752 bytes: the marker then has no more than the 1,024 characters that a request may bring.
  std::string Make(std::string_view list, std::string_view after) const;
  /// Errors: kInvalidMarker.
  Result<std::string> Read(std::string_view list, std::string_view marker) const;

 private:
  SecretBuffer key_;
};

}  // namespace strongroom::kms
