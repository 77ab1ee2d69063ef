#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace strongroom::encryption_sdk {

/// arn:PARTITION:kms:REGION:ACCOUNT:key/ID or …:alias/NAME, taken apart.
struct KmsArn {
  std::string partition, region, account;
  std::string type;  // "key" or "alias"
  std::string id;    // may contain '/'

  bool is_key() const noexcept { return type == "key"; }
  bool is_multi_region() const noexcept { return is_key() && id.starts_with("mrk-"); }
  std::string Text() const;
  friend bool operator==(const KmsArn&, const KmsArn&) = default;
};
std::optional<KmsArn> ParseKmsArn(std::string_view text);

/// Whether an identifier names a multi-Region key: a key ARN with an id of "mrk-…", or that id alone. Never an alias.
bool IsMultiRegion(std::string_view identifier);
/// Whether a key configured as `a` may open what `b` wrapped: equal, or the same multi-Region key in two Regions.
bool MultiRegionMatch(std::string_view a, std::string_view b);

}  // namespace strongroom::encryption_sdk
