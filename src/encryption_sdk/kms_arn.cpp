#include "encryption_sdk/kms_arn.h"

#include <fmt/format.h>

#include <array>

namespace strongroom::encryption_sdk {

std::string KmsArn::Text() const { return fmt::format("arn:{}:kms:{}:{}:{}/{}", partition, region, account, type, id); }

std::optional<KmsArn> ParseKmsArn(std::string_view text) {
  std::array<std::string_view, 6> parts;
  for (std::size_t i = 0; i < 5; ++i) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    parts[i] = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  parts[5] = text;
  const std::size_t slash = parts[5].find('/');
  if (parts[0] != "arn" || parts[1].empty() || parts[2] != "kms" || parts[3].empty() || parts[4].empty() ||
      slash == std::string_view::npos || parts[5].find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  KmsArn arn{std::string(parts[1]), std::string(parts[3]), std::string(parts[4]),
             std::string(parts[5].substr(0, slash)), std::string(parts[5].substr(slash + 1))};
  if ((arn.type != "key" && arn.type != "alias") || arn.id.empty()) return std::nullopt;
  return arn;
}

bool IsMultiRegion(std::string_view identifier) {
  if (const auto arn = ParseKmsArn(identifier)) return arn->is_multi_region();
  return identifier.starts_with("mrk-");
}

bool MultiRegionMatch(std::string_view a, std::string_view b) {
  if (a == b) return true;
  auto one = ParseKmsArn(a), other = ParseKmsArn(b);
  if (!one || !other || !one->is_multi_region() || !other->is_multi_region()) return false;
  other->region = one->region;
  return *one == *other;
}

}  // namespace strongroom::encryption_sdk
