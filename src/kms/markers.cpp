#include "kms/markers.h"

#include "crypto/hash.h"

namespace strongroom::kms {
namespace {
constexpr std::size_t kMacBytes = 16;
constexpr std::uint8_t kSeparator[] = {0};
}  // namespace

std::string Markers::Make(std::string_view list, std::string_view after) const {
  const auto mac = crypto::HmacSha256(key_, {AsBytes(list), kSeparator, AsBytes(after)});
  Bytes marker(mac.begin(), mac.begin() + kMacBytes);
  Append(marker, AsBytes(after));
  return Base64(marker);
}

Result<std::string> Markers::Read(std::string_view list, std::string_view marker) const {
  const auto bad = [&] { return Error(Errc::kInvalidMarker, "Invalid marker " + std::string(marker)); };
  const auto bytes = FromBase64(marker);
  if (!bytes.ok() || bytes->size() <= kMacBytes) return bad();
  const ByteView all(*bytes);
  const std::string after(AsText(all.subspan(kMacBytes)));
  const auto mac = crypto::HmacSha256(key_, {AsBytes(list), kSeparator, AsBytes(after)});
  if (!crypto::ConstantTimeEqual(all.first(kMacBytes), ByteView(mac).first(kMacBytes))) return bad();
  return after;
}

}  // namespace strongroom::kms
