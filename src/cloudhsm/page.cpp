#include "cloudhsm/page.h"

#include "base/bytes.h"

namespace strongroom::cloudhsm {

std::string MakeToken(std::string_view list, std::string_view after) {
  return Base64(AsBytes(std::string(list) + "\n" + std::string(after)));
}

Result<std::string> ReadToken(std::string_view list, std::string_view token) {
  const auto bytes = FromBase64(token);
  const std::string start = std::string(list) + "\n";
  if (!bytes.ok() || !AsText(*bytes).starts_with(start) || bytes->size() == start.size()) {
    return Error(Errc::kInvalidMarker, "The NextToken is not valid.");
  }
  std::string after(AsText(*bytes).substr(start.size()));
  for (const char c : after) {
    // Cut or mixed-up tokens must not reach the store as text that it cannot hold.
    if (static_cast<unsigned char>(c) < 0x20) return Error(Errc::kInvalidMarker, "The NextToken is not valid.");
  }
  return after;
}

}  // namespace strongroom::cloudhsm
