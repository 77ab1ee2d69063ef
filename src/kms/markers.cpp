#include "kms/markers.h"

#include <boost/locale/utf.hpp>
#include <iterator>

#include "aws/model/utf8.h"
#include "crypto/hash.h"

namespace strongroom::kms {
namespace {
namespace utf = boost::locale::utf;

constexpr std::size_t kMacBytes = 16;
constexpr std::uint8_t kSeparator[] = {0};
/// A request's Marker has 1,024 characters at most; base64 makes four of three bytes.
constexpr std::size_t kMaxPlainBytes = 1024 / 4 * 3 - kMacBytes;
/// Begins what is packed, and no UTF-8.
constexpr std::uint8_t kPacked = 0xff;
constexpr std::size_t kGroupBytes = 8;
constexpr unsigned kCharacterBits = 21;
constexpr char32_t kNoCharacter = (1u << kCharacterBits) - 1;

/// Three characters in eight bytes: a name of 256 characters, which are up to 1,024 bytes, fits.
Bytes Pack(std::string_view text) {
  Bytes packed{kPacked};
  for (std::size_t at = 0; at < text.size();) {
    std::uint64_t group = 0;
    for (int i = 0; i < 3; ++i)
      group = group << kCharacterBits | (at < text.size() ? aws::model::NextCodePoint(text, at) : kNoCharacter);
    for (int shift = 56; shift >= 0; shift -= 8) packed.push_back(static_cast<std::uint8_t>(group >> shift));
  }
  return packed;
}

/// `packed` is from Pack: it was authenticated.
std::string Unpack(ByteView packed) {
  std::string text;
  for (ByteView rest = packed.subspan(1); rest.size() >= kGroupBytes; rest = rest.subspan(kGroupBytes)) {
    std::uint64_t group = 0;
    for (const std::uint8_t byte : rest.first(kGroupBytes)) group = group << 8 | byte;
    for (const unsigned shift : {2 * kCharacterBits, kCharacterBits, 0u}) {
      const auto c = static_cast<char32_t>(group >> shift & kNoCharacter);
      if (c != kNoCharacter) utf::utf_traits<char>::encode(c, std::back_inserter(text));
    }
  }
  return text;
}
}  // namespace

std::string Markers::Make(std::string_view list, std::string_view after) const {
  const Bytes position = after.size() > kMaxPlainBytes ? Pack(after) : ToBytes(AsBytes(after));
  const auto mac = crypto::HmacSha256(key_, {AsBytes(list), kSeparator, position});
  Bytes marker(mac.begin(), mac.begin() + kMacBytes);
  Append(marker, position);
  return Base64(marker);
}

Result<std::string> Markers::Read(std::string_view list, std::string_view marker) const {
  const auto bad = [&] { return Error(Errc::kInvalidMarker, "Invalid marker " + std::string(marker)); };
  const auto bytes = FromBase64(marker);
  if (!bytes.ok() || bytes->size() <= kMacBytes) return bad();
  const ByteView all(*bytes);
  const ByteView position = all.subspan(kMacBytes);
  const auto mac = crypto::HmacSha256(key_, {AsBytes(list), kSeparator, position});
  if (!crypto::ConstantTimeEqual(all.first(kMacBytes), ByteView(mac).first(kMacBytes))) return bad();
  return position.front() == kPacked ? Unpack(position) : std::string(AsText(position));
}

}  // namespace strongroom::kms
